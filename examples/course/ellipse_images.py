"""Images of one filled ellipse, each a function of (seed, index) alone.

There is no random generator with a state: every random word is a hash of seed, index and the number of the word. So image 4711 can
be drawn without the 4711 before it, and by a Fortran program with the same bits; examples/08_ellipse has that program. All of it is
integer arithmetic in which no product reaches 2**63.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIZE = 128
SMALLEST, LARGEST = 4, 31

#: Odd, and below 2**31, so that the product with a 32-bit word fits a signed 64-bit integer: Fortran has no other kind.
MULTIPLIERS = (1809034421, 1471768093)
#: Added first, or zero would stay zero.
INCREMENT = 0x9E3779B9
WORD = 0xFFFFFFFF

Integers = NDArray[np.int64]


def mix(word: Integers) -> Integers:
    """Stir 32-bit words, held in int64: each bit of the result depends on all bits of ``word``."""
    word = (word + INCREMENT) & WORD
    word = ((word ^ (word >> 16)) * MULTIPLIERS[0]) & WORD
    word = ((word ^ (word >> 15)) * MULTIPLIERS[1]) & WORD
    return word ^ (word >> 16)


def random_integers(seed: int, index: Integers, number: int, low: Integers | int, high: Integers | int) -> Integers:
    """Return for each index the ``number``-th random integer of it, in ``low..high``."""
    start = mix(np.asarray(seed, dtype=np.int64))
    word = mix(mix(start ^ np.asarray(index, dtype=np.int64)) ^ number)
    return low + ((word * (high - low + 1)) >> 32)


def parameters(seed: int, index: Integers) -> tuple[Integers, Integers]:
    """Return what is drawn: geometry [n, 4] (row, column, row radius, column radius; rows count from 0), and colours [n, 2, 3].

    The first colour is the background's, the second the ellipse's.
    """
    row_radius = random_integers(seed, index, 0, SMALLEST, LARGEST)
    column_radius = random_integers(seed, index, 1, SMALLEST, LARGEST)
    # The larger radius in both directions, and one pixel more, so that no ellipse touches the edge.
    reach = np.maximum(row_radius, column_radius) + 1
    row = random_integers(seed, index, 2, reach, SIZE - 1 - reach)
    column = random_integers(seed, index, 3, reach, SIZE - 1 - reach)
    colours = np.stack([random_integers(seed, index, number, 0, 255) for number in range(4, 10)], axis=-1)
    return np.stack([row, column, row_radius, column_radius], axis=-1), colours.reshape(-1, 2, 3)


def draw(seed: int, index: Integers) -> tuple[NDArray[np.uint8], Integers]:
    """Draw images.

    Parameters
    ----------
    seed
        0 to 2**31 - 1.
    index
        Numbers of the images, likewise.

    Returns
    -------
    tuple
        Images [n, row, column, channel], and their geometry [n, 4] in pixels.
    """
    geometry, colours = parameters(seed, np.asarray(index, dtype=np.int64))
    row, column, row_radius, column_radius = (geometry[:, i].astype(np.int32)[:, None] for i in range(4))
    place = np.arange(SIZE, dtype=np.int32)[None, :]
    across = ((place - row) * column_radius) ** 2
    along = ((place - column) * row_radius) ** 2
    inside = across[:, :, None] + along[:, None, :] <= ((row_radius * column_radius) ** 2)[:, :, None]
    painted = colours.astype(np.uint8)
    images = np.where(inside[..., None], painted[:, 1, None, None, :], painted[:, 0, None, None, :])
    return images, geometry
