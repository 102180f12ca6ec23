"""A module becomes a model file, step by step from load to verify; what a step does is in the folders below."""
