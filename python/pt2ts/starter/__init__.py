"""``pt2ts new``: a small project that trains a network and runs it in Fortran, from files in ``template``; nothing but a command uses it."""
