"""``pt2ts new``: a folder with a small project that trains a network and runs it in Fortran; its files lie in ``template``."""
