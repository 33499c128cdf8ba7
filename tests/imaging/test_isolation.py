"""Decoders in processes of their own: what happens when one dies, hangs or wants too much."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from hilum.errors import DamagedFile
from hilum.imaging import (
    close_decoders,
    codecs,
    decoders_replaced,
    isolate_decoders,
    isolation,
    read,
    write_dicom,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="decoder processes need POSIX")

PICTURE = np.random.default_rng(0).integers(0, 4096, (300, 200), np.uint16)
ROOM = PICTURE.nbytes


def encode(codec: str, picture=PICTURE) -> bytes:
    return {
        "jpeg-lossless": lambda: imagecodecs.jpeg8_encode(picture, lossless=True, bitspersample=12),
        "jpeg-ls": lambda: imagecodecs.jpegls_encode(picture),
        "jpeg2000": lambda: imagecodecs.jpeg2k_encode(picture, codecformat="j2k", reversible=True),
        "htj2k": lambda: imagecodecs.htj2k_encode(picture, reversible=True),
        "png": lambda: imagecodecs.png_encode(picture),
        "tiff": lambda: imagecodecs.tiff_encode(picture),
    }[codec]()


@pytest.fixture(autouse=True)
def own_processes() -> Iterator[None]:
    close_decoders()
    yield
    isolate_decoders(True)
    close_decoders()


def pid() -> int:
    """Of the decoder process that waits."""
    (process,) = isolation._pool._idle
    return process._process.pid


def alive(number: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        with Path(f"/proc/{number}/stat").open() as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("codec", ["jpeg-lossless", "jpeg-ls", "jpeg2000", "htj2k", "png", "tiff"])
def test_the_same_samples_as_in_this_process(codec: str):
    data = encode(codec)
    apart = isolation.decode(codec, data, room=ROOM)
    isolate_decoders(False)
    here = isolation.decode(codec, memoryview(data), room=ROOM)
    assert apart.dtype == here.dtype
    assert np.array_equal(apart, here)
    assert np.array_equal(np.squeeze(apart), PICTURE)


@pytest.mark.parametrize("bits", [8, 12])
def test_the_same_run_lengths_as_in_this_process(tmp_path: Path, bits: int):
    stored = np.random.default_rng(0).integers(0, 1 << bits, (50, 41)).astype(f"u{-(-bits // 8)}")
    path = write_dicom(tmp_path / "chest.dcm", stored, bits_stored=bits, transfer_syntax="rle")
    plain = write_dicom(tmp_path / "plain.dcm", stored, bits_stored=bits)
    apart = [read(path), read(path)]  # the second in the first one's memory
    isolate_decoders(False)
    for one in (*apart, read(path), read(path)):
        assert one.source.pixel_digest == read(plain).source.pixel_digest
        assert np.array_equal(one.pixels, read(plain).pixels)


def test_one_process_serves_many_pictures():
    isolation.decode("jpeg-ls", encode("jpeg-ls"), room=ROOM)
    first = pid()
    for codec in ("png", "htj2k", "jpeg-ls"):
        isolation.decode(codec, encode(codec), room=ROOM)
    assert pid() == first


def test_what_a_decoder_says_is_told_and_the_process_stays():
    isolation.decode("jpeg-ls", encode("jpeg-ls"), room=ROOM)
    first, before = pid(), decoders_replaced()
    with pytest.raises(DamagedFile, match="cannot be decoded"):
        isolation.decode("jpeg-ls", b"\xff\xd8 no picture", room=ROOM)
    assert (pid(), decoders_replaced()) == (first, before)


def test_more_samples_than_announced_are_refused():
    with pytest.raises(DamagedFile, match="announced"):
        isolation.decode("png", encode("png"), room=ROOM - 1)


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_costs_one_picture(how: signal.Signals):
    data = encode("jpeg-ls")
    isolation.decode("jpeg-ls", data, room=ROOM)
    before = decoders_replaced()
    os.kill(pid(), how)
    with pytest.raises(DamagedFile, match=f"crashed.*{how.name}"):
        isolation.decode("jpeg-ls", data, room=ROOM)
    assert decoders_replaced() == before + 1
    assert np.array_equal(isolation.decode("jpeg-ls", data, room=ROOM), PICTURE)


def test_a_crash_in_the_middle():
    large = np.random.default_rng(0).integers(0, 4096, (3000, 3000), np.uint16)
    data = encode("jpeg2000", large)
    isolation.decode("jpeg-ls", encode("jpeg-ls"), room=ROOM)
    stop = threading.Timer(0.1, os.kill, (pid(), signal.SIGABRT))
    stop.start()
    with pytest.raises(DamagedFile, match="SIGABRT"):
        isolation.decode("jpeg2000", data, room=large.nbytes)
    stop.join()


def test_a_hang_costs_one_picture(monkeypatch: pytest.MonkeyPatch):
    data = encode("jpeg-ls")
    isolation.decode("jpeg-ls", data, room=ROOM)
    stuck = pid()
    os.kill(stuck, signal.SIGSTOP)
    monkeypatch.setattr(isolation, "SECONDS", 0.2)
    with pytest.raises(DamagedFile, match="did not end within"):
        isolation.decode("jpeg-ls", data, room=ROOM)
    assert not alive(stuck)
    monkeypatch.undo()
    assert np.array_equal(isolation.decode("jpeg-ls", data, room=ROOM), PICTURE)


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is bounded on Linux alone")
def test_memory_is_bounded():
    script = (
        "import numpy as np, runpy\n"
        f"limit = runpy.run_path({codecs.__file__!r})['_limit']\n"
        "limit(1000, 5)\n"
        "np.empty(300_000_000, np.uint8)\n"
        "try: np.empty(3_000_000_000, np.uint8)\n"
        "except MemoryError: print('bounded')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "bounded\n"


def test_ctrl_c_does_not_reach_it():
    isolation.decode("png", encode("png"), room=ROOM)
    assert os.getsid(pid()) != os.getsid(0)


def test_shared_memory_is_given_back_after_a_large_picture():
    large = np.zeros((9000, 8000), np.uint8)
    isolation.decode("png", imagecodecs.png_encode(large, level=1), room=large.nbytes)
    isolation.decode("png", encode("png"), room=ROOM)
    (process,) = isolation._pool._idle
    assert process._size < 2 * ROOM


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("end", ["", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])
def test_no_process_outlives_the_program(end: str):
    script = (
        "import imagecodecs, numpy as np\n"
        "from hilum.imaging import isolation\n"
        "data = imagecodecs.png_encode(np.zeros((64, 64), np.uint8))\n"
        "isolation.decode('png', data, room=4096)\n"
        "print(isolation._pool._idle[0]._process.pid, flush=True)\n" + end
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    left = int(done.stdout)
    deadline = time.monotonic() + 5
    while alive(left) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(left)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_program_takes_processes_of_its_own():
    script = (
        "import os, imagecodecs, numpy as np\n"
        "from hilum.imaging import isolation\n"
        "data = imagecodecs.png_encode(np.arange(4096, dtype=np.uint8).reshape(64, 64))\n"
        "def look(): return isolation.decode('png', data, room=4096).sum()\n"
        "look()\n"
        "pid = isolation._pool._idle[0]._process.pid\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    own = look() and isolation._pool._idle[0]._process.pid != pid\n"
        "    os._exit(0 if own else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "look()\n"
        "assert isolation._pool._idle[0]._process.pid == pid\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], timeout=60, check=True)
