"""Model files as files: told apart, read without running code, written in one step; nothing here runs a model."""
