"""What a call of a model file costs, as a table and as a picture; nothing here changes the file."""
