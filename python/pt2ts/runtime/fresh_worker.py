"""What runs in a fresh process: the C library, and of Python its standard library alone.

`pt2ts.runtime.fresh` starts this file. It loads the library once and then forks a process for every session, so that each begins
with the library as a program has it: no model, no Python module, no operator that somebody registered. A session reads requests
from a socket (a line of JSON, then the bytes of tensors) and answers in the same form.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

_CPU = 0
_SAME = -1
_BYTE = 0


class Handle(ctypes.Structure):
    """Any handle of the library."""

    _fields_ = (("id", ctypes.c_uint64),)


class LibraryError(Exception):
    """A call that the library refused."""


class Session:
    """The library, and what a session has loaded.

    Parameters
    ----------
    path
        ``libctorch.so``.
    """

    def __init__(self, path: str) -> None:
        self.library = ctypes.CDLL(path)
        self.model, self.trainer = Handle(), Handle()
        self.device = _CPU  # where what is loaded lives, and what it is given

    # ------------------------------------------------------------------------------------------------------ requests

    def load(self, path: str, device: int) -> dict[str, Any]:
        """Load a model; return the names of outputs, parameters and buffers."""
        text, self.device = path.encode(), device
        self.call("model_load", text, _long(len(text)), device, -1, 0, 0, 0, None, _long(0), 1, ctypes.byref(self.model))
        names = [self.text("model_names", ctypes.byref(self.model), kind) for kind in (0, 1)]
        outputs = self.text("model_output_names", ctypes.byref(self.model))
        return {"outputs": _lines(outputs), "parameters": _lines(names[0]), "buffers": _lines(names[1])}

    def forward(
        self, tensors: Sequence[dict[str, Any]], blobs: Sequence[bytearray], outputs: int
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Run the model; say which of the file's variants ran, and which inputs it wrote into."""
        results = (Handle * max(1, outputs))()
        with self.given(tensors, blobs) as (given, places):
            try:
                self.call(
                    "model_forward", ctypes.byref(self.model), given, len(tensors), results, outputs, 0, 0, None, _long(0)
                )  # fmt: skip
                found = [self.fetch(result) for result in results[:outputs]]
            finally:
                self.delete([*results])
            held = [ctypes.string_at(place, len(blob)) for place, blob in zip(places, blobs, strict=True)]
        numbers = [ctypes.c_int64(), ctypes.c_int64()]
        variant = self.text("model_stats", ctypes.byref(self.model), *map(ctypes.byref, numbers))
        written = [n for n, (old, new) in enumerate(zip(blobs, held, strict=True), 1) if old != new]
        return {"tensors": [facts for facts, _ in found], "variant": variant, "written": written}, [data for _, data in found]

    def set_weight(self, name: str, kind: int, tensors: Sequence[dict[str, Any]], blobs: Sequence[bytearray]) -> None:
        """Put values into a parameter (kind 0) or buffer (kind 1) of the model."""
        text = name.encode()
        with self.given(tensors, blobs) as (given, _):
            self.call("model_set_tensor", ctypes.byref(self.model), kind, text, _long(len(text)), given, 0)

    def self_test(self) -> dict[str, Any]:
        """Replay the golden sample inside the library."""
        difference = ctypes.c_double()
        self.call("model_self_test", ctypes.byref(self.model), ctypes.byref(difference))
        return {"difference": difference.value}

    def load_trainer(self, path: str, device: int) -> dict[str, Any]:
        """Load a training package; return the names of its state."""
        text, self.device = path.encode(), device
        self.call("trainer_load_on", text, _long(len(text)), device, -1, None, _long(0), ctypes.byref(self.trainer))
        return {"names": _lines(self.text("trainer_names", ctypes.byref(self.trainer)))}

    def set_state(self, names: Sequence[str], tensors: Sequence[dict[str, Any]], blobs: Sequence[bytearray]) -> None:
        """Put values into the tensors of the trainer's state."""
        with self.given(tensors, blobs) as (given, _):
            for name, handle in zip(names, given, strict=False):
                text = name.encode()
                self.call("trainer_set_tensor", ctypes.byref(self.trainer), text, _long(len(text)), ctypes.byref(handle), 0)

    def get_state(self, names: Sequence[str]) -> tuple[dict[str, Any], list[bytes]]:
        """Return tensors of the trainer's state."""
        found = []
        for name in names:
            text, handle = name.encode(), Handle()
            self.call("trainer_get_tensor", ctypes.byref(self.trainer), text, _long(len(text)), ctypes.byref(handle))
            found.append(self.fetch(handle))
            self.delete([handle])
        return {"tensors": [facts for facts, _ in found]}, [data for _, data in found]

    def run_trainer(
        self, function: int, n_inputs: int, tensors: Sequence[dict[str, Any]], blobs: Sequence[bytearray]
    ) -> dict[str, Any]:
        """Take a step or its first half, or evaluate; return the loss."""
        loss = ctypes.c_double()
        with self.given(tensors, blobs) as (given, _):
            targets = (Handle * max(1, len(tensors) - n_inputs))(*given[n_inputs : len(tensors)])
            n_targets, result = len(tensors) - n_inputs, ctypes.byref(loss)
            self.call("trainer_run", ctypes.byref(self.trainer), function, given, n_inputs, targets, n_targets, 0, result)
        return {"loss": loss.value.hex()}

    def apply_gradients(self) -> dict[str, Any]:
        """Take the second half of a step; return the loss."""
        loss = ctypes.c_double()
        self.call("trainer_apply", ctypes.byref(self.trainer), ctypes.byref(loss))
        return {"loss": loss.value.hex()}

    # ------------------------------------------------------------------------------------------------------- its tools

    def call(self, name: str, *arguments: Any) -> None:
        """Call an entry; a status other than success becomes an exception with the library's message."""
        if getattr(self.library, f"ctorch_{name}")(*arguments) != 0:
            raise LibraryError(self.text("last_error") or f"ctorch_{name} fails without a message")

    def text(self, name: str, *arguments: Any) -> str:
        """Return the text that an entry gives."""
        text, length = ctypes.c_char_p(), ctypes.c_int64()
        if getattr(self.library, f"ctorch_{name}")(*arguments, ctypes.byref(text), ctypes.byref(length)) != 0:
            return ""
        return ctypes.string_at(text, length.value).decode(errors="replace") if length.value else ""

    @contextlib.contextmanager
    def given(self, tensors: Sequence[dict[str, Any]], blobs: Sequence[bytearray]) -> Iterator[tuple[Any, list[int]]]:
        """Yield tensors over copies of the bytes that came with a request, and where the copies lie: in memory of the library's."""
        made, memory = ((Handle * max(1, len(tensors)))() for _ in range(2))
        places = []
        try:
            for handle, block, facts, blob in zip(made, memory, tensors, blobs, strict=False):
                rank, address = len(facts["shape"]), ctypes.c_void_p()
                size = (ctypes.c_int64 * 1)(max(1, len(blob)))
                self.call("tensor_empty", 1, size, _BYTE, _CPU, _SAME, 0, ctypes.byref(block))
                self.call("tensor_data", ctypes.byref(block), ctypes.byref(address))
                ctypes.memmove(address, bytes(blob), len(blob))
                places.append(address.value or 0)
                shape, strides = ((ctypes.c_int64 * max(1, rank))(*facts[key]) for key in ("shape", "strides"))
                where = (facts["dtype"], self.device, -1, 0, 0)
                self.call("tensor_from_blob", address, rank, shape, strides, *where, ctypes.byref(handle))
            yield made, places
        finally:
            self.delete([*made, *memory])

    def fetch(self, handle: Handle) -> tuple[dict[str, Any], bytes]:
        """Return dtype, shape and values of a tensor, in row-major order."""
        dtype, rank, count = ctypes.c_int32(), ctypes.c_int32(), ctypes.c_int64()
        extents = ctypes.POINTER(ctypes.c_int64)()
        self.call("tensor_dtype", ctypes.byref(handle), ctypes.byref(dtype))
        self.call("tensor_shape", ctypes.byref(handle), ctypes.byref(extents), ctypes.byref(rank))
        shape = list(extents[: rank.value]) if rank.value else []
        self.call("tensor_numel", ctypes.byref(handle), ctypes.byref(count))
        plain, address = Handle(), ctypes.c_void_p()
        sizes = (ctypes.c_int64 * max(1, rank.value))(*shape)
        self.call("tensor_empty", rank, sizes, dtype, _CPU, _SAME, 0, ctypes.byref(plain))
        self.call("tensor_copy", ctypes.byref(handle), ctypes.byref(plain), 0)
        self.call("tensor_data", ctypes.byref(plain), ctypes.byref(address))
        data = ctypes.string_at(address, count.value * _BYTES[dtype.value]) if count.value else b""
        self.delete([plain])
        return {"dtype": dtype.value, "shape": shape}, data

    def delete(self, handles: Sequence[Handle]) -> None:
        """Release tensors."""
        for handle in handles:
            self.library.ctorch_tensor_delete(ctypes.byref(handle))


#: Bytes of an element by the library's codes of dtypes; the first request brings them.
_BYTES: list[int] = []


def _long(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)


def _lines(text: str) -> list[str]:
    return text.split("\n") if text else []


def read(stream: BinaryIO) -> tuple[dict[str, Any], list[bytearray]] | None:
    """Return a message with its tensors, or None at the end."""
    line = stream.readline()
    if not line:
        return None
    message = json.loads(line)
    blobs = []
    for size in message.pop("blobs"):
        blob = bytearray(size)
        view = memoryview(blob)
        while view:
            count = stream.readinto(view)  # type: ignore[attr-defined]
            if not count:
                return None
            view = view[count:]
        blobs.append(blob)
    return message, blobs


def write(stream: BinaryIO, message: dict[str, Any], blobs: Sequence[bytes | bytearray] = ()) -> None:
    """Send a message with its tensors."""
    stream.write(json.dumps({**message, "blobs": [len(blob) for blob in blobs]}).encode() + b"\n")
    for blob in blobs:
        stream.write(blob)
    stream.flush()


def serve(session: Session, connection: socket.socket) -> None:
    """Answer requests until the other side goes."""
    with connection.makefile("rb") as requests, connection.makefile("wb") as answers:
        while (request := read(requests)) is not None:
            message, blobs = request
            name = message.pop("request")
            if name == "begin":
                _BYTES[:] = message["sizes"]
                os.environ.clear()
                os.environ.update(message["environment"])
                os.chdir(message["folder"])
                continue
            if "tensors" in message:
                message["blobs"] = blobs
            try:
                result = getattr(session, name)(**message)
            except LibraryError as error:
                write(answers, {"error": str(error)})
            else:
                facts, data = result if isinstance(result, tuple) else (result or {}, [])
                write(answers, facts, data)


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - nothing that need not be imported
    except OSError:
        return 2  # nobody knows


def _start(session: Session, library: str, connection: socket.socket, errors: int) -> int:
    """Return the id of a process that serves a session."""
    pid = os.fork()
    if pid:
        return pid
    for descriptor in (1, 2):
        os.dup2(errors, descriptor)
    if _threads() > 1:  # a copy of this process would lack them: begin anew
        connection.set_inheritable(True)
        os.execv(sys.executable, [sys.executable, "-I", "-S", __file__, library, "--session", str(connection.fileno())])  # noqa: S606
    serve(session, connection)
    os._exit(0)


def main() -> None:
    """Serve one session (``--session``), or start one for each that is asked for on the socket given."""
    library, kind, descriptor = sys.argv[1:]
    control = socket.socket(fileno=int(descriptor))
    session = Session(library)
    if kind == "--session":
        serve(session, control)
        os._exit(0)
    session.text("runtime_torch_version")  # the first call loads PyTorch's libraries
    while True:
        words, descriptors, _, _ = socket.recv_fds(control, 64, 2)
        if not words:
            os._exit(0)
        if descriptors:
            connection = socket.socket(fileno=descriptors[0])
            answer = _start(session, library, connection, descriptors[1])
            connection.close()
            os.close(descriptors[1])
        else:
            answer = os.waitpid(int(words), 0)[1]
        with contextlib.suppress(OSError):
            control.sendall(b"%d\n" % answer)


if __name__ == "__main__":
    main()
