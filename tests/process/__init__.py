"""What the library does to the process of its host, and the host to it: most lines of docs/host-process.md name a test of these."""
