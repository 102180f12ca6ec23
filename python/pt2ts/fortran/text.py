"""Texts of a contract in Fortran: in strings and in comments."""

from __future__ import annotations

import re


def literal(text: str) -> str:
    """Return a text as a Fortran expression: short strings, and bytes by their numbers where the standard has no character."""
    runs = re.findall(rb"([ -~]{1,60})|([^ -~])", text.encode())
    parts = ["'" + plain.decode().replace("'", "''") + "'" if plain else f"char({other[0]})" for plain, other in runs]
    return " // ".join(parts) or "''"


def clean(text: str) -> str:
    """Return a text of the contract as one line that cannot end a comment or a string."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
