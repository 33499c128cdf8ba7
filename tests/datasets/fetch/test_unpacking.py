"""Archives are unpacked as a whole, inside their folder, or not at all."""

from __future__ import annotations

import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.datasets.fetch import folder_of, unpack, unpacked_before
from hilum.datasets.fetch import unpacking as room
from hilum.errors import DamagedFile, FetchError, IntakeError, NotAnImage, UnsafeArchive
from hilum.imaging import find_files

CONTENT = {
    "images/1.png": b"one" * 1000,
    "images/deep/2.png": b"two",
    "labels.csv": b"a,b\n1,2\n",
    "empty.txt": b"",
}
KINDS = ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]


def pack(path: Path, content, *, links=()) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in content.items():
                file.writestr(name, data)
            for name, target in links:
                info = zipfile.ZipInfo(name)
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
                file.writestr(info, target)
        return path
    packing = path.name.partition(".tar")[2].removeprefix(".")
    with tarfile.open(path, f"w:{packing}") as file:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
        for name, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            file.addfile(info)
    return path


def files(folder: Path) -> dict[str, bytes]:
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".")}


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_becomes_a_folder_of_its_files(tmp_path, kind):
    archive = pack(tmp_path / f"part.{kind}", CONTENT | {".hidden": b"", "__MACOSX/x": b""})
    seen = []
    done = unpack(archive, folder_of(archive), watch=lambda *at: seen.append(at))
    assert done.folder == tmp_path / "part"
    assert files(done.folder) == CONTENT
    assert (done.files, done.bytes) == (4, sum(map(len, CONTENT.values())))
    assert (done.left_out, done.passed_over) == ((), 2)
    assert seen == [(n, 4) for n in (1, 2, 3, 4)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["part", f"part.{kind}"]
    assert len(find_files([done.folder])) == 2
    archive.unlink()
    assert unpack(archive, done.folder) == done == unpacked_before(archive, done.folder)


def test_where_archives_go():
    names = ["a.zip", "a.b.tar.gz", "A.TGZ", "a.csv", "a.csv.gz", ".zip", "a"]
    assert [f and f.name for f in map(folder_of, map(Path, names))] == [
        "a", "a.b", "A", None, None, None, None,
    ]  # fmt: skip


HOSTILE = ["../evil", "/tmp/evil", "a/../../evil", "C:\\evil", "..\\evil"]


@pytest.mark.parametrize("kind", KINDS[:3])
def test_what_could_do_harm_is_left_out_and_told(tmp_path, kind):
    inside = tmp_path / "inside"
    inside.mkdir()
    content = dict.fromkeys(HOSTILE, b"evil") | {"good.png": b"good", "more.zip": b"PK"}
    archive = pack(inside / f"a.{kind}", content, links=[("link.png", "/etc/passwd")])
    done = unpack(archive, folder_of(archive))
    assert files(done.folder) == {"good.png": b"good"}
    told = dict(done.left_out)
    assert len(told) == len(HOSTILE) + 2
    assert "is a link" in told["link.png"]
    assert "archive within an archive" in told["more.zip"]
    assert sum("absolute or holds" in why for why in told.values()) == len(HOSTILE)
    assert [p.name for p in tmp_path.iterdir()] == ["inside"]
    assert not any(p.is_symlink() for p in inside.rglob("*"))


def test_a_bomb_is_not_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros.dcm", bytes(100 * 1024**2))
        file.writestr("good.dcm", b"good")
    done = unpack(tmp_path / "bomb.zip", tmp_path / "bomb")
    assert "as a bomb does" in dict(done.left_out)["zeros.dcm"]
    assert files(done.folder) == {"good.dcm": b"good"}


def test_members_that_overlap_are_a_bomb_as_a_whole(tmp_path):
    archive = pack(tmp_path / "a.zip", {"a.png": b"same", "b.png": b"same"})
    data = bytearray(archive.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)  # both lie at the first place
    archive.write_bytes(data)
    with pytest.raises(UnsafeArchive, match=r"a\.zip was not unpacked\. .*overlap"):
        unpack(archive, tmp_path / "a")
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


def test_a_name_that_is_file_and_folder_at_once_is_left_out(tmp_path):
    archive = pack(tmp_path / "a.tar", {"x": b"file", "x/y.png": b"inside", "z": b"z"})
    done = unpack(archive, tmp_path / "a")
    assert files(done.folder) == {"x/y.png": b"inside", "z": b"z"}
    assert done.left_out[0][0] == "x"


def test_names_that_differ_in_case_both_come_where_the_disk_tells_them_apart(tmp_path):
    done = unpack(pack(tmp_path / "a.zip", {"A.png": b"A", "a.png": b"a"}), tmp_path / "a")
    assert done.files + len(done.left_out) == 2
    assert files(done.folder)["A.png"] == b"A"


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_that_is_cut_leaves_nothing(tmp_path, kind):
    archive = pack(tmp_path / f"a.{kind}", {f"{n}.bin": os.urandom(5000) for n in range(9)})
    archive.write_bytes(archive.read_bytes()[:20_000])
    with pytest.raises(DamagedFile, match=rf"a\.{kind} was not unpacked"):
        unpack(archive, tmp_path / "a")
    assert [p.name for p in tmp_path.iterdir()] == [archive.name]


def test_a_member_that_is_damaged_ends_it(tmp_path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a.png", b"good")
        file.writestr("b.png", b"stored bytes")
    archive.write_bytes(archive.read_bytes().replace(b"stored bytes", b"st0red bytes"))
    with pytest.raises(DamagedFile, match=r"a\.zip was not unpacked\. b\.png: .*checksum differs"):
        unpack(archive, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_what_is_no_archive_and_what_is_empty_are_told(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"<html>")
    with pytest.raises(DamagedFile, match="no ZIP or TAR archive"):
        unpack(tmp_path / "a.zip", tmp_path / "a")
    with pytest.raises(IntakeError, match=r"b\.zip was not unpacked.*No such file"):
        unpack(tmp_path / "b.zip", tmp_path / "b")
    import gzip

    (tmp_path / "c.tgz").write_bytes(gzip.compress(b"a,b\n" * 500))
    with pytest.raises(NotAnImage, match="holds no TAR archive"):
        unpack(tmp_path / "c.tgz", tmp_path / "c")
    with pytest.raises(FetchError, match="no file that can be unpacked"):
        unpack(pack(tmp_path / "d.zip", {".hidden": b""}), tmp_path / "d")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    archive = pack(tmp_path / "a.zip", CONTENT)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mine.txt").write_bytes(b"mine")
    with pytest.raises(FetchError, match="is there already and was not unpacked from"):
        unpack(archive, tmp_path / "a")
    assert files(tmp_path / "a") == {"mine.txt": b"mine"}


def test_an_archive_that_changed_is_not_taken_for_the_one_that_was_unpacked(tmp_path):
    archive = pack(tmp_path / "a.zip", CONTENT)
    unpack(archive, tmp_path / "a")
    pack(archive, CONTENT | {"new.png": b"new"})
    with pytest.raises(FetchError, match="as it is now; move it away"):
        unpack(archive, tmp_path / "a")


def test_too_little_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    archive = pack(tmp_path / "a.tar.gz", CONTENT)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=3000))
    with pytest.raises(FetchError, match=r"Make room .* or leave it packed"):
        unpack(archive, tmp_path / "a")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar.gz"]


KILLED = """
import os, signal, sys
from pathlib import Path
from hilum.datasets.fetch import unpack
def watch(done, _all):
    if done == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
unpack(Path(sys.argv[1]), Path(sys.argv[2]), watch=watch)
"""


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_killed_process_is_gone_on_with(tmp_path, kind):
    content = {f"{n}.png": os.urandom(100) for n in range(6)}
    archive, folder = pack(tmp_path / f"a.{kind}", content), tmp_path / "a"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, archive, folder, "3"], check=False, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL
    assert not folder.exists()
    (hidden,) = tmp_path.glob(".a.unpacking-*")
    begun = {p.name: p.stat().st_mtime_ns for p in hidden.iterdir()}
    assert sorted(begun) == ["0.png", "1.png", "2.png"]
    (hidden / room._WRITING).write_bytes(b"torn")
    time.sleep(0.02)
    assert unpack(archive, folder).files == 6
    assert files(folder) == content
    now = {name: (folder / name).stat().st_mtime_ns for name in begun}
    assert now == begun  # not written twice
    assert {p.name for p in tmp_path.iterdir()} == {"a", archive.name}


def test_what_was_begun_of_an_earlier_version_is_removed(tmp_path):
    archive, folder = pack(tmp_path / "a.zip", {"old.png": b"old"}), tmp_path / "a"
    subprocess.run([sys.executable, "-c", KILLED, archive, folder, "1"], check=False)
    pack(archive, CONTENT)
    unpack(archive, folder)
    assert files(folder) == CONTENT
    assert {p.name for p in tmp_path.iterdir()} == {"a", "a.zip"}


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=30), st.binary(max_size=20), min_size=1, max_size=8
    )
)
def test_whatever_the_names_nothing_is_written_outside(tmp_path_factory, content):
    outside = tmp_path_factory.mktemp("outside")
    archive = outside / "in" / "a.tar"
    archive.parent.mkdir()
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT, errors="surrogatepass") as file:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    with suppress(FetchError):  # nothing in it can be unpacked
        done = unpack(archive, outside / "in" / "a")
        assert len(files(done.folder)) == done.files
        assert done.files + len(done.left_out) + done.passed_over == len(content)
    assert [p.name for p in outside.iterdir()] == ["in"]
    assert {p.name for p in archive.parent.iterdir()} <= {"a", "a.tar"}
