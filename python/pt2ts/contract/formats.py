"""The formats of model files: an object for each with what may be chosen, and which of them a file name asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import DeclarationError, option
from ..toolchain.isa import Isa, default_isa, find_isa, wider_isas
from .batch import batch_tuple, is_size
from .words import Format, Layout, Method

METHODS: tuple[Method, ...] = get_args(Method)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

#: The memory order where none is asked for.
DEFAULT_LAYOUT: Layout = "torch"


def _check_layout(layout: str | None) -> None:
    if layout is not None and layout not in LAYOUTS:
        raise DeclarationError(f"layout is '{layout}'", f"one of {', '.join(LAYOUTS)}")


@dataclass(frozen=True)
class TorchScript:
    """A TorchScript file: it can be trained, and runs on every processor.

    Parameters
    ----------
    method
        ``script`` compiles the source of forward, ``trace`` records what it does with the examples; ``auto`` scripts, and
        traces where scripting fails and nothing in forward depends on values.
    layout
        As in `Package`. TorchScript reads arrays of any order where they lie; this is the one that the contract, and so a
        generated Fortran module, is for.
    """

    method: Method = "auto"
    layout: Layout | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise DeclarationError(f"method is '{self.method}'", "one of 'auto', 'script', 'trace'")
        _check_layout(self.layout)

    @property
    def order(self) -> Layout:
        """The memory order of the inputs."""
        return self.layout or DEFAULT_LAYOUT


@dataclass(frozen=True)
class Package:
    """A compiled package: the fastest way to call a small network.

    Parameters
    ----------
    layout
        The memory order in which the caller has its inputs. ``fortran`` (first index fastest) is for a Fortran array ``x(n, nlev)``
        of an input ``[n, nlev]``; ``torch`` (last index fastest) for ``x(nlev, n)`` passed with ``permute_dims=[2, 1]``. None is
        ``torch``, and where a file is converted, what that file has.
    isa
        What the CPU that runs it can do, ``x86-64-v2``, ``x86-64-v3`` (AVX2), ``x86-64-v4`` (AVX-512) or ``native`` (all that
        this one can do). By default ``x86-64-v3``, and kernels have a second form with AVX-512 beside it where the CPU that
        exports can check it; the last digits of the two may differ.
    threads
        0 as many as the host program allows, otherwise that many.
    batch
        Batch sizes that get a variant of their own, kept where it is faster than the one for any size. 1, 32 and 1024 by default,
        as far as the bounds admit them; ``()`` for none.
    fallback
        Put the TorchScript form into the package too, for CPUs that lack what ``isa`` asks for, and for devices: made as True or
        a `TorchScript` says.
    device
        Code for a kind of device beside that for the CPU: ``cuda``, ``hip``, ``xpu`` or ``mps``. It is compiled where such a
        device is. The program that loads the package chooses by its ``device_type``.
    """

    layout: Layout | None = None
    isa: str | None = None
    threads: int = 0
    batch: Sequence[int] | None = None
    fallback: bool | TorchScript = False
    device: str | None = None

    def __post_init__(self) -> None:
        _check_layout(self.layout)
        if isinstance(self.fallback, TorchScript) and self.fallback.layout not in (None, self.order):
            raise DeclarationError(
                f"the fallback has the layout '{self.fallback.layout}', and the package '{self.order}'",
                "there is one contract for both: leave it out in the fallback",
            )
        if not is_size(self.threads) or self.threads < 0:
            hint = "0 (as many as the host program allows) or a positive number"
            raise DeclarationError(f"threads is {self.threads!r}", hint)
        if self.batch is not None:
            object.__setattr__(self, "batch", batch_tuple(self.batch))
        if self.isa is not None:
            find_isa(self.isa)

    @property
    def order(self) -> Layout:
        """The memory order of the inputs."""
        return self.layout or DEFAULT_LAYOUT

    def instruction_set(self) -> Isa:
        """Return what ``isa`` means on this machine."""
        return find_isa(self.isa or default_isa())

    def wider_sets(self) -> tuple[Isa, ...]:
        """Return the instruction sets that kernels have another form for, the best first: none where the user names one."""
        return () if self.isa else wider_isas(self.instruction_set())

    def script(self) -> TorchScript | None:
        """Return how the fallback is made, or None where there is none."""
        return TorchScript() if self.fallback is True else self.fallback or None


#: What `export` takes for a format: a word, an object, or both objects.
AnyFormat = (
    Format
    | Literal["torchscript", "pt2", "both"]
    | TorchScript
    | Package
    | tuple[TorchScript, Package]
    | tuple[Package, TorchScript]
)

_SUFFIXES = {".pt": Format.TORCHSCRIPT, ".pt2": Format.PT2}

#: Options of a format that `export` once took itself, with their defaults.
_OF_BOTH: Mapping[str, object] = {"layout": None}
_OF_SCRIPTS: Mapping[str, object] = {"method": "auto"}
_OF_PACKAGES: Mapping[str, object] = {"isa": None, "threads": 0, "batch": None, "fallback": False, "device": None}
OPTIONS = (*_OF_BOTH, *_OF_SCRIPTS, *_OF_PACKAGES)


@dataclass(frozen=True)
class Target:
    """One file to write, and its format."""

    path: Path
    format: TorchScript | Package


def choose_files(path: Path, wanted: AnyFormat | None) -> list[Target]:
    """Return the files to write: one, or a TorchScript file and a package side by side."""
    word, script, package = _taken_apart(wanted)
    by_name = _SUFFIXES.get(path.suffix)
    if word == Format.BOTH:
        names = [path.with_suffix(suffix) if by_name else path.with_name(path.name + suffix) for suffix in _SUFFIXES]
        return [Target(names[0], script), Target(names[1], package)]
    if word and by_name and word != by_name:
        raise DeclarationError(
            f"format is '{word}', but the file {path.name} is named like one of format '{by_name}'",
            f"a TorchScript file ends in .pt, a compiled package in .pt2; {option('format', 'both')} writes the two side by side",
        )
    return [Target(path, package if (word or by_name) == Format.PT2 else script)]


def _taken_apart(wanted: Any) -> tuple[str | None, TorchScript, Package]:
    """Return the word for what is wanted, and the options of both formats."""
    if wanted is None or (isinstance(wanted, str) and wanted in list(Format)):
        return wanted, TorchScript(), Package()
    objects = list(wanted) if isinstance(wanted, tuple | list) else [wanted]
    scripts = [item for item in objects if isinstance(item, TorchScript)]
    packages = [item for item in objects if isinstance(item, Package)]
    if not objects or len(scripts) + len(packages) != len(objects) or max(len(scripts), len(packages)) > 1:
        shown = f"the class {wanted.__name__}" if isinstance(wanted, type) else repr(wanted)
        raise DeclarationError(
            f"format is {shown}",
            f"one of {', '.join(Format)}; or TorchScript(...), Package(...), or one of each in a tuple",
        )
    word = Format.BOTH if scripts and packages else Format.TORCHSCRIPT if scripts else Format.PT2
    return word, (scripts or [TorchScript()])[0], (packages or [Package()])[0]


def with_options(files: Sequence[Target], **given: Any) -> list[Target]:
    """Return the files with options of their formats, which may be those of all; refuse one that means nothing for any of them."""
    for_both = {name: value for name, value in given.items() if name in _OF_BOTH}
    for_script = {name: value for name, value in given.items() if name in _OF_SCRIPTS}
    for_package = {name: value for name, value in given.items() if name in _OF_PACKAGES}
    if not any(isinstance(file.format, Package) for file in files):
        for name, value in for_package.items():
            if value != _OF_PACKAGES[name]:
                raise DeclarationError(
                    f"{name} is given, which means nothing for a TorchScript file",
                    f"leave it out; or write a compiled package: a file name with .pt2, or {option('format', 'pt2')}",
                )
    made = []
    for file in files:
        if isinstance(file.format, TorchScript):
            made.append(replace(file, format=replace(file.format, **for_both, **for_script)))
            continue
        package = replace(file.format, **for_both, **for_package)
        if package.fallback is True and for_script:
            package = replace(package, fallback=TorchScript(**for_script))
        made.append(replace(file, format=package))
    return made


def format_of(files: Sequence[Target]) -> AnyFormat:
    """Return what `export` has to be given for these files."""
    first = files[0].format
    other = files[-1].format
    return (first, other) if isinstance(first, TorchScript) and isinstance(other, Package) else first
