"""The command line: one file a command, each of which mirrors a function; what commands do is in the folders below."""

from .app import app, main

__all__ = ["app", "main"]
