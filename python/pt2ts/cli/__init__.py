"""The command line: one file a command, each of which mirrors a function; nothing here does what commands do."""

from .app import app, main

__all__ = ["app", "main"]
