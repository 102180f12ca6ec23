"""What of PyTorch is not public or deprecated, each behind a typed function; nothing here knows what a model file is."""
