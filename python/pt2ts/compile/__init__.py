"""Programs become machine code, and that the variants of a package; nothing here judges the numbers of a file."""
