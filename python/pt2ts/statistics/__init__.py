"""What data are like: `stats` measures means and deviations of NetCDF files; no network is made or run here."""
