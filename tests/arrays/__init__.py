"""Tests of arrays against numpy, through f90wrap."""
