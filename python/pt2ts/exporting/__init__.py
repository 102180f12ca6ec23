"""A module becomes a model file, step by step from load to verify; nothing here does what a step does."""
