"""Models and trainers in a fresh process, run by the C library as a program runs them: no Python module of anybody is there.

What PyTorch keeps in this process (operators that were registered in Python, modules, settings) cannot help a file that needs it
elsewhere, and a crash of the file is an error here.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import torch

from ..container.filetype import StrPath
from ..contract.dtypes import DTYPES, name_of
from ..errors import CheckError, CrashError, VerifyError, option
from ..toolchain.devices import CODES
from .fresh_worker import read, write

#: What a file that goes beyond its memory is mostly made by, and what helps.
_WAY_OUT = (
    f"an index out of range does that (declare its range: {option('inputs', ['category[batch] int32 1..24'])}); otherwise it is a "
    f"fault of PyTorch's compiler: take arrays of the other order ({option('layout')}), or write a TorchScript file "
    f"({option('format', 'torchscript')})"
)

#: What goes beyond its memory is stopped there, and what depends on memory that nobody wrote comes out as NaN.
_GUARDED = {"FTORCH_GUARD_MEMORY": "1", "MALLOC_PERTURB_": "165"}

_NAMES = list(DTYPES)  # in the order of the library's codes 0, 1, 2...
_PARAMETER, _BUFFER = 0, 1
_EVALUATE, _STEP, _GRADIENTS = 0, 1, 2


class _Nursery:
    """A process that has loaded the library and starts sessions; what libraries read when they are loaded is as it was here."""

    def __init__(self) -> None:
        self.surroundings = _surroundings()
        ours, theirs = socket.socketpair()
        theirs.set_inheritable(True)
        worker = str(Path(__file__).with_name("fresh_worker.py"))
        line = [sys.executable, "-I", "-S", worker, self.surroundings[0], "--control", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                line, pass_fds=[theirs.fileno()], env={**os.environ, **_GUARDED},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self._control = ours

    def start(self, connection: socket.socket, errors: int) -> int:
        """Return the id of a new session at the other end of ``connection``."""
        with contextlib.suppress(BrokenPipeError):  # the answer is missing then
            socket.send_fds(self._control, [b"start"], [connection.fileno(), errors])
        return self._answer()

    def wait(self, pid: int) -> int:
        """Return how a session ended."""
        with contextlib.suppress(BrokenPipeError):
            self._control.sendall(b"%d" % pid)
        return self._answer()

    def _answer(self) -> int:
        line = b""
        while not line.endswith(b"\n"):
            try:
                got = self._control.recv(64)
            except ConnectionResetError:
                got = b""
            if not got:
                raise VerifyError(
                    f"no process with the library can be started ({self.surroundings[0]})", "pt2ts doctor says what is wrong"
                )
            line += got
        return int(line)

    def alive(self) -> bool:
        """Whether it is there, and as this process is now."""
        return self._process.poll() is None and self.surroundings == _surroundings()

    def close(self) -> None:
        """Let it go."""
        self._control.close()
        self._process.wait()


_nursery: _Nursery | None = None


#: Variables that libraries read when they are loaded; sessions get all the others as they are.
_READ_AT_LOAD = ("ATEN_", "DNNL_", "FTORCH_", "GLIBC_", "GOMP_", "KMP_", "LD_", "MALLOC_", "MKL_", "OMP_", "ONEDNN_", "OPENBLAS_")


def _surroundings() -> tuple[str, int, dict[str, str]]:
    from ftorch.layout import Installation

    library = str(Installation().c_library)
    return library, os.getpid(), {name: value for name, value in os.environ.items() if name.startswith(_READ_AT_LOAD)}


def start() -> None:
    """Begin to load the library in another process: it takes a second, in which there is other work to do."""
    global _nursery
    if _nursery is not None and not _nursery.alive():
        if _nursery.surroundings[1] == os.getpid():
            _nursery.close()
        _nursery = None
    if _nursery is None:
        _nursery = _Nursery()


@atexit.register
def _end() -> None:
    if _nursery is not None and _nursery.surroundings[1] == os.getpid():
        _nursery.close()


class _Session:
    """A fresh process."""

    def __init__(self) -> None:
        start()
        assert _nursery is not None  # noqa: S101 - that is what start does
        self._nursery = _nursery
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the session
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._pid = self._nursery.start(theirs, self._errors.fileno())
        self._requests, self._answers = self._socket.makefile("wb"), self._socket.makefile("rb")
        sizes = [dtype.itemsize for dtype in DTYPES.values()]
        write(self._requests, {"request": "begin", "sizes": sizes, "environment": dict(os.environ), "folder": str(Path.cwd())})

    def ask(
        self, request: str, tensors: Sequence[torch.Tensor] | None = None, **fields: Any
    ) -> tuple[dict[str, Any], list[torch.Tensor]]:
        """Send a request; return the answer and its tensors.

        Raises
        ------
        VerifyError
            With the library's own message, or when the process died of the request.
        """
        message: dict[str, Any] = {"request": request, **fields}
        blobs: list[bytes] = []
        if tensors is not None:
            message["tensors"] = [
                {"dtype": _NAMES.index(name_of(x)), "shape": list(x.shape), "strides": list(x.stride())} for x in tensors
            ]
            blobs = [_memory(x) for x in tensors]
        try:
            write(self._requests, message, blobs)
            answer = read(self._answers)
        except OSError:
            answer = None
        if answer is None:
            raise self._end()
        facts, data = answer
        if "error" in facts:
            raise VerifyError(facts["error"])
        return facts, [
            _tensor(item["dtype"], item["shape"], blob) for item, blob in zip(facts.get("tensors", ()), data, strict=True)
        ]

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._pid == 0

    def close(self) -> None:
        """End the process."""
        if self._pid:
            for stream in (self._requests, self._answers, self._socket):
                with contextlib.suppress(OSError):  # what was not sent any more
                    stream.close()
            with contextlib.suppress(VerifyError):
                self._nursery.wait(self._pid)
            self._pid = 0
            self._errors.close()

    def __enter__(self) -> Self:
        """Return itself; the ``with`` block closes it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the process, also after an error."""
        self.close()

    def _end(self) -> CrashError:
        """Return how the process ended that should have answered."""
        if self.ended:
            return CrashError("the fresh process that used the file has ended")
        status = os.waitstatus_to_exitcode(self._nursery.wait(self._pid))
        self._pid = 0
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        self._errors.close()
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        hint = _WAY_OUT if -status in (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT) else ""
        return CrashError(f"a fresh process that uses the file {how}" + (f": {lines[-1]}" if lines else ""), hint)


class FreshModel(_Session):
    """A model file in a fresh process.

    Parameters
    ----------
    path
        The file.
    device
        PyTorch's name of the kind of device that it is loaded for.

    Attributes
    ----------
    variant
        The variant of the file that ran last.

    Raises
    ------
    VerifyError
        With the library's own message, here and from every method.
    """

    def __init__(self, path: StrPath, device: str = "cpu") -> None:
        super().__init__()
        self.variant = ""
        try:
            facts, _ = self.ask("load", path=str(Path(path).absolute()), device=CODES[device])
        except VerifyError:
            self.close()
            raise
        self._outputs: list[str] = facts["outputs"]
        self._kinds = dict.fromkeys(facts["buffers"], _BUFFER) | dict.fromkeys(facts["parameters"], _PARAMETER)

    def forward(self, inputs: Sequence[torch.Tensor], outputs: int | None = None) -> list[torch.Tensor]:
        """Run the model on inputs, which lie in the process as they lie here, strides included."""
        facts, results = self.ask("forward", inputs, outputs=len(self._outputs) if outputs is None else outputs)
        if facts["written"]:
            raise VerifyError(f"the model writes into its input {facts['written'][0]}", "the caller's array must stay as it is")
        self.variant = facts["variant"]
        return results

    def named(self, inputs: Sequence[torch.Tensor]) -> list[tuple[str, torch.Tensor]]:
        """Run the model; return its outputs with their names in the contract."""
        return list(zip(self._outputs, self.forward(inputs), strict=True))

    def set_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Replace parameters and buffers."""
        for name, value in weights.items():
            if name in self._kinds:
                self.ask("set_weight", [value.detach().contiguous()], name=name, kind=self._kinds[name])

    def self_test(self) -> float:
        """Replay the golden sample inside the library; return the largest difference."""
        return float(self.ask("self_test")[0]["difference"])


class FreshTrainer(_Session):
    """A training package in a fresh process; its parameters are those of `FreshModel`.

    Attributes
    ----------
    names
        Of the tensors of its state.
    """

    def __init__(self, path: StrPath, device: str = "cpu") -> None:
        super().__init__()
        try:
            facts, _ = self.ask("load_trainer", path=str(Path(path).absolute()), device=CODES[device])
        except VerifyError:
            self.close()
            raise
        self.names: list[str] = facts["names"]

    def step(self, tensors: Sequence[torch.Tensor], n_inputs: int) -> float:
        """Take a step on inputs and targets; return the loss before it."""
        return self._run(_STEP, tensors, n_inputs)

    def evaluate(self, tensors: Sequence[torch.Tensor], n_inputs: int) -> float:
        """Return the loss in evaluation mode."""
        return self._run(_EVALUATE, tensors, n_inputs)

    def gradients(self, tensors: Sequence[torch.Tensor], n_inputs: int) -> float:
        """Take the first half of a step; return the loss."""
        return self._run(_GRADIENTS, tensors, n_inputs)

    def apply(self) -> float:
        """Take the second half of a step; return the loss that was passed on, NaN where the step is skipped."""
        return float.fromhex(self.ask("apply_gradients")[0]["loss"])

    def _run(self, function: int, tensors: Sequence[torch.Tensor], n_inputs: int) -> float:
        return float.fromhex(self.ask("run_trainer", tensors, function=function, n_inputs=n_inputs)[0]["loss"])

    def state(self) -> dict[str, torch.Tensor]:
        """Return the whole state."""
        return dict(zip(self.names, self.ask("get_state", names=self.names)[1], strict=True))

    def set_state(self, values: Mapping[str, torch.Tensor]) -> None:
        """Put values into the state."""
        self.ask("set_state", [value.contiguous() for value in values.values()], names=list(values))


_Kind = TypeVar("_Kind", FreshModel, FreshTrainer)


@contextmanager
def loaded(path: StrPath, device: str = "cpu") -> Iterator[FreshModel]:
    """Load a file that was just written; that a fresh process cannot is a fault of the file, raised as `CheckError`."""
    with _made(FreshModel, path, device) as model:
        yield model


@contextmanager
def loaded_trainer(path: StrPath, device: str = "cpu") -> Iterator[FreshTrainer]:
    """Load a training package that was just written, as `loaded` does a model."""
    with _made(FreshTrainer, path, device) as trainer:
        try:
            yield trainer
        except VerifyError as error:
            raise CheckError(f"the exported steps fail in a program without Python: {error.message}", error.hint) from error


def _made(kind: type[_Kind], path: StrPath, device: str) -> _Kind:
    try:
        return kind(path, device)
    except VerifyError as error:
        why = " ".join(error.message.split())
        raise CheckError(f"a program without Python cannot load the exported file: {why}", _hint(error)) from error


def _hint(error: VerifyError) -> str:
    if any(words in error.message for words in ("Unknown builtin op", "Could not find schema", "no operator", "No such operator")):
        return (
            "the network calls an operator that only this Python process has: write forward with PyTorch's own functions, or have "
            "the program load the library of the operator"
        )
    if any(words in error.message for words in ("expected a valid token", "ill formed octal")):
        return (
            "TorchScript reads names of the letters a to z only: rename the layers and arguments of forward that have others, or "
            "export a package, a file that ends with .pt2, which has no such names"
        )
    return error.marked


def _memory(tensor: torch.Tensor) -> bytes:
    """Return the memory that a tensor's strides lead through, from its first element to its last."""
    if tensor.numel() == 0:
        return b""
    span = 1 + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    plain = tensor.detach().as_strided((span,), (1,)).contiguous()
    return plain.view(torch.uint8).numpy().tobytes()


def _tensor(dtype: int, shape: Sequence[int], data: bytearray) -> torch.Tensor:
    made = DTYPES[_NAMES[dtype]]
    return torch.frombuffer(data, dtype=made).reshape(shape) if data else torch.empty(shape, dtype=made)
