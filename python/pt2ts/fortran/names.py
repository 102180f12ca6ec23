"""Fortran identifiers made from the names of a contract, which may be anything."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ..errors import DeclarationError

#: The standard's limit is 63; what is left over is for a suffix that tells two names apart.
_LONGEST = 63
_ROOM = 4

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*$")

#: Letters that do not come apart into a Latin letter and an accent.
_LETTERS = {"ß": "ss", "ø": "o", "Ø": "o", "æ": "ae", "Æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "\u0131": "i"}

#: Fortran has no reserved words, but a variable called ``end`` helps nobody, and some compilers fail on ``if(1) = 2``.
_KEYWORDS = """
    abstract allocatable allocate assign associate asynchronous backspace bind block call case character class close codimension
    common complex concurrent contains contiguous continue critical cycle data deallocate default deferred dimension do double
    else elseif elsewhere end enddo endfile endif entry enum enumerator equivalence error event exit extends external fail final
    flush forall form format function generic go goto if images implicit import impure in include inout inquire integer intent
    interface intrinsic is kind len lock logical module namelist none nullify only open operator optional out parameter pass
    pause pointer post precision print private procedure program protected public pure read real recursive result return rewind
    save select sequence stop submodule subroutine sync target team then to type unlock use value volatile wait where while write
""".split()  # noqa: SIM905 - a list of quoted words is harder to read

#: What the generated module itself calls by name: its own procedures and variables, kinds, intrinsic functions.
_TAKEN = """
    stat errmsg file model inputs outputs init run run_batch run_sample finalize self_test failed difference guard_report
    guard_counts guard_reset guarded_names n_guarded observe counts calls unit outside_counts observed_calls is_outside n_elements
    check_inputs made_for refuse observe_call take_weights trainer
    run_guarded run_network guarded_scheme guard_fallbacks scheme fallbacks is_left chosen sample_numbers positions check_extents
    count_samples sample_counts
    default_file tolerance int8 int16 int32 int64 real32 real64 c_bool c_loc c_f_pointer abs achar aimag all any char count huge
    iand int kind maxval merge min max minval present real reshape shape size spread sum trim verify
""".split()  # noqa: SIM905 - a list of quoted words is harder to read

_RESERVED = frozenset([*_KEYWORDS, *_TAKEN])


def identifier(text: str, otherwise: str) -> str:
    """Return a valid Fortran identifier that resembles ``text``, in lower case; ``otherwise`` where nothing is left of it.

    Examples
    --------
    >>> identifier("Température 2m", "x")
    'temperature_2m'
    >>> identifier("θ.potential", "x")
    'theta_potential'
    """
    ascii_text = "".join(_ascii(letter) for letter in unicodedata.normalize("NFKD", text))
    name = re.sub(r"[^a-z0-9]+", "_", ascii_text.lower()).strip("_")
    if name[:1].isdigit():
        name = f"x{name}"
    return name[: _LONGEST - _ROOM].rstrip("_") or otherwise


def _ascii(letter: str) -> str:
    if letter.isascii():
        return letter
    if unicodedata.combining(letter):
        return ""
    if letter in _LETTERS:
        return _LETTERS[letter]
    named = re.match(r"GREEK (?:SMALL|CAPITAL) LETTER (?:FINAL )?([A-Z]+)$", unicodedata.name(letter, ""))
    return named[1].lower().replace("lamda", "lambda") if named else " "


class Namer:
    """Gives out names that are valid, not reserved, and all different for Fortran, which does not tell ``T`` from ``t``.

    Parameters
    ----------
    also
        Names that are taken beside those of the module.
    """

    def __init__(self, also: Iterable[str] = ()) -> None:
        self._taken = set(_RESERVED) | {name.lower() for name in also}

    def name(self, text: str, otherwise: str) -> str:
        """Return the name for ``text`` and remember it."""
        base = identifier(text, otherwise)
        # torch_ and ftorch_ belong to the library, observe_1, reject_1 and so on are the module's own.
        if base in _RESERVED or base.startswith(("torch_", "ftorch", "observe_", "reject_")):
            base = f"{base}_"
        found, number = base, 1
        while found in self._taken:
            number += 1
            found = f"{base.rstrip('_')}_{number}"
        self._taken.add(found)
        return found


def module_name(text: str) -> str:
    """Return a name for a module made from the name of a file or model."""
    name = identifier(text, "model_module")
    return f"{name}_model" if _is_refused(name) else name


def check_module_name(name: str) -> str:
    """Return a module name that the user chose, in lower case; refuse what is none."""
    if not _IDENTIFIER.match(name) or len(name) > _LONGEST:
        raise DeclarationError(
            f"'{name}' is no name for a Fortran module", f"a letter, then letters, digits and _, {_LONGEST} characters at most"
        )
    if _is_refused(name.lower()):
        raise DeclarationError(
            f"a module cannot be called '{name}': that name is used inside it", "choose another one for --module"
        )
    return name.lower()


def _is_refused(name: str) -> bool:
    return name in _RESERVED or name == "main" or name.startswith(("torch_", "ftorch", "iso_"))
