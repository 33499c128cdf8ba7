"""Decoders in processes of their own: a crash, a hang or a blow-up costs one picture.

A process is started when the first compressed picture comes and kept for the next ones; there are
as many as threads that decode at once. Compressed bytes and samples pass through shared memory. A
process that dies, takes too long or keeps too much memory is replaced.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import math
import mmap
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import DamagedFile, RunError
from hilum.imaging import codecs, spare

SECONDS = 10.0
SECONDS_A_MEGABYTE = 2.0
"""A decoder may take so long, and so long a megabyte of samples: some thirty times what the slowest
(JPEG 2000) takes."""

_KEEP_BYTES = 300 * 1024**2
"""A process that holds more after its work is replaced."""

_KEEP_SHARED = 64 * 1024**2
_ALIGNED = 64
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(1024**2),  # large pieces go back to the system at once (glibc)
}

Samples = NDArray[np.generic]


class _Pool:
    """The decoder processes of this program.

    Attributes:
        apart: whether decoders run in processes of their own.
        replaced: number of processes that were not fit for another picture.
    """

    def __init__(self) -> None:
        self.apart = os.name == "posix"
        self.replaced = 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all processes; after a fork they answer the parent."""
        self._idle: list[_Process] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def process(self) -> Generator[_Process]:
        """A process for one picture; kept afterwards unless it is not fit for another."""
        with self._lock:
            process = self._idle.pop() if self._idle else None
        process = process or _Process()
        try:
            yield process
        finally:
            with self._lock:
                if process.fit:
                    self._idle.append(process)
                else:
                    self.replaced += 1
            if not process.fit:
                process.end()

    def close(self) -> None:
        """End the processes that wait."""
        with self._lock:
            processes, self._idle = self._idle, []
        for process in processes:
            process.end()


def isolate_decoders(apart: bool) -> None:
    """Say where native decoders run from now on.

    Args:
        apart: True: in processes of their own, as they do from the start where the system has
            POSIX; False: in this process, where a damaged file may end the program.

    Raises:
        RunError: the system cannot hand shared memory to another process (Windows).
    """
    if apart and os.name != "posix":
        raise RunError("Decoders in processes of their own need Linux or macOS.")
    _pool.apart = apart
    if not apart:
        _pool.close()


def decoders_replaced() -> int:
    """Number of decoder processes that died, or were ended for time or memory, so far."""
    return _pool.replaced


def decode(
    codec: str,
    data: bytes | memoryview,
    *,
    room: int = 0,
    like: tuple[tuple[int, ...], str] | None = None,
    take: Callable[[Samples], Samples] | None = None,
    **options: Any,
) -> Samples:
    """Decode one picture.

    Args:
        codec: a name in :data:`hilum.imaging.codecs.CODECS`.
        data: the compressed bytes.
        room: the most bytes that its samples may take, by its header.
        like: shape and type of its samples instead, where the header settles them: they need no
            copy then.
        take: makes of such samples what is returned; they are overwritten afterwards.
        options: of that decoder.

    Raises:
        DamagedFile: the decoder gives up, crashes, hangs or takes too much memory.
    """
    try:
        if not _pool.apart:
            if take is None or like is None:
                return codecs.decode(codec, data, options)
            with spare.room(*like) as out:
                return take(codecs.decode(codec, data, {**options, "out": out}))
        with _pool.process() as process:
            samples = process.decode(codec, data, like or room, options)
            return samples.copy() if take is None else take(samples)
    except codecs.ERRORS as error:
        raise DamagedFile(
            f"The {codec} pixels cannot be decoded ({error}): the file was cut or overwritten. "
            "Copy it again from its source."
        ) from error


def close_decoders() -> None:
    """End the decoder processes; the next picture starts a new one."""
    _pool.close()


class _Process:
    """One decoder process and the memory shared with it; used by one thread at a time.

    Attributes:
        fit: whether its last answer came, and left it small enough for the next picture.
    """

    def __init__(self) -> None:
        self._memory = _memory()
        self._size = mmap.PAGESIZE
        os.ftruncate(self._memory, self._size)
        self._shared = mmap.mmap(self._memory, self._size)
        self.fit = False
        try:
            self._process = subprocess.Popen(  # noqa: S603  (this interpreter, a file of Hilum)
                # -P: the folder of the script is no place to import from
                [sys.executable, "-P", codecs.__file__, str(self._memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(self._memory,),
                start_new_session=True,  # Ctrl-C ends the reading, not the picture that is decoded
                env=os.environ | _ENVIRONMENT,
            )
        except OSError as error:
            raise RunError(
                f"A decoder process cannot be started ({error.strerror}): {sys.executable}"
            ) from error
        assert self._process.stdout is not None
        if self._process.stdout.readline() != codecs.READY:
            self.end()
            raise RunError(
                f"A decoder process cannot work: {sys.executable} does not find numpy and "
                "imagecodecs. Install Hilum for that Python."
            )

    def decode(
        self,
        codec: str,
        data: bytes | memoryview,
        expected: tuple[tuple[int, ...], str] | int,
        options: dict[str, Any],
    ) -> Samples:
        """Decode one picture; the samples lie in the shared memory until the next one.

        Raises:
            ValueError: the decoder's word on why it gives up.
            DamagedFile: it crashed, hung or took too much memory.
        """
        self.fit = False
        shape, dtype = ((), "") if isinstance(expected, int) else expected
        room = expected if isinstance(expected, int) else _bytes(shape, dtype)
        at = -(-len(data) // _ALIGNED) * _ALIGNED
        self._make_room(at + room)
        self._shared[: len(data)] = data
        seconds = SECONDS + SECONDS_A_MEGABYTE * room / 1e6
        request = {
            "codec": codec, "bytes": len(data), "at": at, "room": room, "size": self._size,
            "shape": shape, "dtype": dtype, "seconds": seconds, "options": options,
        }  # fmt: skip
        line = self._ask(json.dumps(request).encode() + b"\n", seconds)
        if not line:
            raise self._died(codec)
        answer = json.loads(line)
        self.fit = answer["resident"] <= _KEEP_BYTES
        if "error" in answer:
            raise ValueError(answer["error"])
        dtype, shape = np.dtype(answer["dtype"]), answer["shape"]
        return np.frombuffer(self._shared, dtype, math.prod(shape), at).reshape(shape)

    def _ask(self, request: bytes, seconds: float) -> bytes:
        """The answer's line; empty where the process ended."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        try:
            asked.write(request)
            asked.flush()
        except BrokenPipeError:
            return b""
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            if not selector.select(seconds):
                raise DamagedFile(
                    f"The decoder did not end within {seconds:.0f} s on these pixels and was "
                    "stopped: the file is damaged. Copy it again from its source."
                )
        return answers.readline()

    def _died(self, codec: str) -> DamagedFile:
        status = self._process.wait()
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return DamagedFile(
            f"The {codec} decoder crashed on these pixels ({how}) and was replaced: the file is "
            "damaged, or needs more memory than it may take. Copy it again from its source."
        )

    def _make_room(self, needed: int) -> None:
        size = -(-needed // mmap.PAGESIZE) * mmap.PAGESIZE
        if size <= self._size and not self._size > max(_KEEP_SHARED, 4 * size):
            return
        self._shared.close()
        os.ftruncate(self._memory, size)
        self._shared, self._size = mmap.mmap(self._memory, size), size

    def end(self) -> None:
        """End the process and give its memory back."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # bytes that it did not take
                pipe.close()
        self._process.wait()
        self._shared.close()
        os.close(self._memory)


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return math.prod(shape) * np.dtype(dtype).itemsize


def _memory() -> int:
    """A descriptor of memory that goes with its last user; an unlinked file but on Linux."""
    if sys.platform == "linux":
        return os.memfd_create("hilum-decoder")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


_pool = _Pool()
atexit.register(_pool.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.begin_anew)
