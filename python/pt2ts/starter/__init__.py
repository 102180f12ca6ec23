"""``pt2ts new``: a small project from files in ``template``, to train a network and run it in Fortran; only a command uses it."""
