"""``pt2ts fortran``: a Fortran module for one model file, made from its contract; nothing here runs or changes the file.

`names` makes identifiers, `kinds` knows how Fortran declares an element type, `guards` says what lies outside, `view`
gathers what the templates show, `fold` breaks long lines, `render` and `samples` fill the templates, `write` puts the files
on disk.
"""
