"""Programs become machine code, and machine code the variants of a package; nothing here judges the numbers of a file."""
