"""What the library does to the process of its host, and the host to it: one file for each line of docs/host-process.md."""
