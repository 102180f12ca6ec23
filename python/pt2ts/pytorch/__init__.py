"""What of PyTorch is private or deprecated, each behind a typed function; nothing here knows what a model file is."""
