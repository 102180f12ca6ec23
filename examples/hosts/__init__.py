"""What the examples with a host model share: NetCDF and random numbers in Fortran, runs and verdicts in Python."""
