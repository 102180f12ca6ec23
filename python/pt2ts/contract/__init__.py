"""What a model file promises (names, dtypes, shapes, tolerances, sample), as plain data; nothing here opens or runs a file."""
