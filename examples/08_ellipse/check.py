"""Compare the images that Fortran drew with Python's, bit for bit, and draw what was found in them.

``python check.py build/images.bin build/results.csv build/ellipse.png``; exits with 1 when any bit differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from course.ellipse_images import SIZE, draw
from course.figures import ellipses


def main(images_file: str, results_file: str, picture: str) -> int:
    """Print the verdict; return the exit status."""
    table = np.loadtxt(results_file, delimiter=",", skiprows=1, ndmin=2)
    fortran = np.fromfile(images_file, np.uint8).reshape(-1, SIZE, SIZE, 3)
    python, geometry = draw(int(table[0, 0]), table[:, 1].astype(np.int64))
    same = np.array_equal(fortran, python) and np.array_equal(geometry, table[:, 2:6])
    differing = "" if same else f": {int((fortran != python).sum()) if fortran.shape == python.shape else 'all'} bytes differ"
    print(f"  {'ok  ' if same else 'FAIL'}  {len(fortran)} images drawn by Fortran equal Python's, bit for bit{differing}")
    ellipses(fortran, table[:, 6:]).savefig(picture, dpi=110)
    print(f"Picture: {Path(picture)}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
