"""Archives are listed like folders; what could do harm is refused, the rest is read."""

from __future__ import annotations

import gzip
import io
import random
import resource
import stat
import struct
import tarfile
import threading
import time
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from hilum.errors import (
    DamagedFile,
    IntakeError,
    NotAnImage,
    RunError,
    UnsafeArchive,
    UnsupportedImage,
)
from hilum.imaging import InOrder, archive, find_files, load, read, tararchive, ziparchive

DICM = bytes(128) + b"DICM" + bytes(9)
PACKINGS = ["", "gz", "bz2", "xz"]
CONTENT = {
    "b/2.PNG": b"two",
    "b/10.dcm": b"ten",
    "IM0001": b"one",
    "1.2.840.113": b"number",
    "scan.img": DICM,
    "notes.txt": b"passed over",
    "DICOMDIR": b"passed over",
    ".hidden.dcm": b"passed over",
    "__MACOSX/b/._2.PNG": b"passed over",
}
TAKEN = list(CONTENT)[:5]


def make_zip(path: Path, content: dict[str, bytes], *, packed: bool = True) -> Path:
    method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as file:
        for name, data in content.items():
            file.writestr(zipfile.ZipInfo(name), data, method)
    return path


def make_tar(path: Path, content: dict[str, bytes], packing: str = "") -> Path:
    with tarfile.open(path, f"w:{packing}") as file:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def special(path: Path, **fields) -> Path:
    """A TAR archive with one member that is no plain file, and a good one."""
    with tarfile.open(path, "w") as file:
        info = tarfile.TarInfo("odd.dcm")
        for name, value in fields.items():
            setattr(info, name, value)
        file.addfile(info)
        info = tarfile.TarInfo("good.dcm")
        info.size = 4
        file.addfile(info, io.BytesIO(b"good"))
    return path


def names(path: Path) -> list[str]:
    return [file.name for file in find_files([path])]


def problems(path: Path) -> dict[str, str]:
    return {f.name: str(f.problem) for f in find_files([path]) if f.problem is not None}


@pytest.fixture(params=["zip", "stored.zip", *(f"tar{'.' if p else ''}{p}" for p in PACKINGS)])
def packed(request, tmp_path: Path) -> Path:
    path = tmp_path / f"study.{request.param}"
    if path.suffix == ".zip":
        return make_zip(path, CONTENT, packed=not path.stem.endswith("stored"))
    return make_tar(path, CONTENT, request.param.removeprefix("tar").removeprefix("."))


def test_members_are_chosen_as_files_of_a_folder_are(packed: Path):
    found = find_files([packed])
    assert [file.name for file in found] == [f"{packed.name}/{name}" for name in TAKEN]
    assert found.passed_over == len(CONTENT) - len(TAKEN)
    assert [load(file) for file in found] == [CONTENT[name] for name in TAKEN]
    assert [file.bytes for file in found] == [len(CONTENT[name]) for name in TAKEN]


def test_an_archive_is_met_in_a_folder_and_known_by_its_bytes_when_named(packed: Path):
    deep = packed.parent / "ward" / packed.name
    deep.parent.mkdir()
    packed.rename(deep)
    whole = [f"ward/{deep.name}/{name}" for name in TAKEN]
    assert names(deep.parent.parent) == whole
    odd = deep.rename(deep.with_name("export.bin"))
    assert len(find_files([odd.parent])) == 0  # as any file whose name says nothing
    assert names(odd) == [f"export.bin/{name}" for name in TAKEN]


def test_a_member_is_named_directly(packed: Path):
    (file,) = find_files([packed / "b" / "10.dcm"])
    assert file.name == f"{packed.name}/b/10.dcm"
    assert load(file) == b"ten"
    with pytest.raises(RunError, match=r"holds no b/11\.dcm"):
        find_files([packed / "b" / "11.dcm"])


def test_one_picture_in_an_archive_is_read(tmp_path: Path, png: bytes):
    path = make_zip(tmp_path / "one.zip", {"a b/1.png": png, "notes.txt": b""})
    assert read(path).source.name == "one.zip/a b/1.png"
    assert read(path / "a b" / "1.png").shape == (40, 50)
    with pytest.raises(NotAnImage, match="of 5 images"):
        read(make_zip(tmp_path / "more.zip", CONTENT))


@pytest.fixture
def png() -> bytes:
    import numpy as np

    from hilum.imaging import encode_png

    return encode_png(np.arange(2000, dtype=np.uint16).reshape(40, 50))


HOSTILE = [
    "../../etc/x.dcm",
    "/etc/x.dcm",
    "C:\\x.dcm",
    "C:/x.dcm",
    "a\\..\\x.dcm",
    "a/../../x.dcm",
]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("packing", ["zip", "tar", "tar.gz"])
def test_a_name_that_leads_out_is_refused_and_never_a_path(tmp_path: Path, name: str, packing: str):
    content = {name: b"evil", "good.dcm": b"good"}
    path = tmp_path / f"slip.{packing}"
    if packing == "zip":
        make_zip(path, content)
    else:
        make_tar(path, content, packing.removeprefix("tar").removeprefix("."))
    found = find_files([path])
    evil, good = found
    assert evil.name.startswith(f"slip.{packing}/")
    assert not {"..", "", "."} & set(evil.name.split("/"))
    assert not set(evil.name) & set("\\:")
    with pytest.raises(UnsafeArchive, match=r"absolute or holds"):
        load(evil)
    assert load(good) == b"good"
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "is a link"),
        ({"type": tarfile.LNKTYPE, "linkname": "good.dcm"}, "is a link"),
        ({"type": tarfile.CHRTYPE}, "device or a pipe"),
        ({"type": tarfile.BLKTYPE}, "device or a pipe"),
        ({"type": tarfile.FIFOTYPE}, "device or a pipe"),
        ({"name": "inner.tar.gz"}, "archive within an archive"),
    ],
)
def test_what_is_no_plain_file_in_a_tar_is_refused(tmp_path: Path, fields, message):
    path = special(tmp_path / "a.tar", **fields)
    (text,) = problems(path).values()
    assert message in text
    assert names(path)[-1] == "a.tar/good.dcm"


def test_links_in_a_zip_are_refused(tmp_path: Path):
    with zipfile.ZipFile(path := tmp_path / "a.zip", "w") as file:
        for name, mode in (("link.dcm", stat.S_IFLNK), ("pipe.dcm", stat.S_IFIFO)):
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o777) << 16
            file.writestr(info, "/etc/passwd")
        file.writestr("inner.zip", b"")
    told = problems(path)
    assert "is a link" in told["a.zip/link.dcm"]
    assert "device or a pipe" in told["a.zip/pipe.dcm"]
    assert "archive within an archive" in told["a.zip/inner.zip"]


def test_an_archive_without_suffix_in_an_archive_is_told(tmp_path: Path):
    inner = make_zip(tmp_path / "inner", CONTENT).read_bytes()
    with pytest.raises(NotAnImage, match="ZIP archive"):
        read(make_zip(tmp_path / "a.zip", {"inner": inner}))


def edit(path: Path, magic: bytes, at: int, value: bytes) -> Path:
    """Overwrite part of the first record of a ZIP archive."""
    data = bytearray(path.read_bytes())
    start = data.index(magic) + at
    data[start : start + len(value)] = value
    path.write_bytes(data)
    return path


CENTRAL = b"PK\x01\x02"


@pytest.mark.parametrize(
    ("at", "value", "kind", "message"),
    [
        (8, b"\x01\x00", UnsupportedImage, "encrypted"),
        (10, b"\x0e\x00", UnsupportedImage, "packed by LZMA"),
        (10, b"\x63\x00", UnsupportedImage, "packed by method 99"),
        (24, struct.pack("<I", 600 * 1024**2), UnsupportedImage, "has 600 MiB"),
        (24, struct.pack("<I", 100 * 1024**2), UnsafeArchive, "as a bomb does"),
        (24, struct.pack("<I", 2), DamagedFile, "length or its checksum"),
        (24, struct.pack("<I", 4), DamagedFile, "length or its checksum"),
        (16, b"\x00\x00\x00\x00", DamagedFile, "length or its checksum"),
    ],
)
def test_members_of_a_zip_that_are_not_read(tmp_path: Path, at, value, kind, message):
    path = make_zip(tmp_path / "a.zip", {"odd.dcm": b"ten", "good.dcm": b"good"})
    odd, good = find_files([edit(path, CENTRAL, at, value)])
    with pytest.raises(kind, match=message):
        load(odd)
    assert load(good) == b"good"


def test_a_bomb_that_lies_about_its_size_takes_no_memory(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", {"bomb.dcm": bytes(200 * 1024**2)})
    (bomb,) = find_files([edit(path, CENTRAL, 24, struct.pack("<I", 1000))])
    tracemalloc.start()
    with pytest.raises(DamagedFile, match="length or its checksum"):
        load(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_members_that_overlap_are_a_bomb(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", {f"{i}.dcm": b"x" * 50 for i in range(3)})
    data = bytearray(path.read_bytes())
    second = data.index(CENTRAL, data.index(CENTRAL) + 1)
    data[second + 42 : second + 46] = bytes(4)  # the second is to begin where the first does
    path.write_bytes(data)
    (told,) = problems(path).items()
    assert told[0] == "a.zip"
    assert "overlap" in told[1]
    assert len(find_files([path])) == 1


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for module in (archive, ziparchive):
        monkeypatch.setattr(module, "MAX_MEMBERS", 3)
    content = {f"{i}.dcm": b"x" for i in range(4)}
    for path in (
        make_zip(tmp_path / "a.zip", content),
        make_tar(tmp_path / "a.tar", content),
        make_zip(tmp_path / "folders.zip", {f"{i}/": b"" for i in range(4)}),
    ):
        (told,) = problems(path).items()
        assert told[0] == path.name
        assert "more than" in told[1]
        assert "members; nothing of it is read" in told[1]


def test_a_table_of_contents_takes_little_memory(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", {f"p{i:06d}/1.dcm": b"" for i in range(4000)}, packed=False)
    tracemalloc.start()
    found = find_files([path])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 4000
    assert peak < 4000 * 1000


def test_a_compressed_tar_that_is_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tararchive, "MAX_FILE_BYTES", 1024**2)
    path = make_tar(tmp_path / "a.tar.gz", {f"{i}.dcm": bytes(1024**2) for i in range(20)}, "gz")
    (told,) = problems(path).items()
    assert told[0] == "a.tar.gz"
    assert "as a bomb does" in told[1]


def test_a_large_member_of_a_tar_is_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hilum.imaging.member.MAX_FILE_BYTES", 1000)
    path = make_tar(tmp_path / "a.tar.gz", {"big.dcm": bytes(1001), "ok.dcm": bytes(1000)}, "gz")
    big, ok = find_files([path])
    with pytest.raises(UnsupportedImage, match="more than 0 MiB are not read"):
        load(big)
    assert load(ok) == bytes(1000)


NOISE = random.Random(0)
MANY = {f"{i}.dcm": NOISE.randbytes(5000) for i in range(10)}


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_tar_that_is_cut_is_found_and_read_as_far_as_it_goes(tmp_path: Path, packing: str):
    whole = make_tar(tmp_path / "a.tar", MANY, packing).read_bytes()
    path = tmp_path / "cut.tar"
    path.write_bytes(whole[: int(len(whole) * 0.35)])
    found = find_files([path])
    assert "it was cut" in str(found.files[-1].problem)
    assert found.files[-1].name == "cut.tar"
    members = found.files[:-1]
    for file in members[:-1]:
        assert load(file) == MANY[file.name.removeprefix("cut.tar/")]
    if packing != "bz2":  # which packs 900 kB at a time
        assert len(members) == 4
        with pytest.raises(DamagedFile, match="breaks off within this member"):
            load(members[-1])


@pytest.mark.parametrize("packing", PACKINGS)
def test_every_cut_of_a_tar_is_found(tmp_path: Path, packing: str):
    whole = make_tar(tmp_path / "a.tar", {"1.dcm": b"1" * 600, "2.dcm": b"2"}, packing).read_bytes()
    path = tmp_path / "cut.tar"
    for length in range(1, len(whole) if packing else 6 * 512, 1 if packing else 16):
        path.write_bytes(whole[:length])
        last = find_files([path]).files[-1]
        as_archive = archive.kind_of(path)  # None: too little is left to tell
        assert last.problem is not None or as_archive is None, f"{length} bytes pass for whole"
    path.write_bytes(whole)
    assert problems(path) == {}


@pytest.mark.parametrize("packing", PACKINGS[1:])
def test_a_compressed_tar_that_fails_its_checksum_is_refused_whole(tmp_path: Path, packing: str):
    path = make_tar(tmp_path / "a.tar", MANY, packing)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    (told,) = problems(path).items()
    assert len(find_files([path])) == 1
    assert "none of its members can be trusted" in told[1]


def test_a_damaged_header_in_a_tar_ends_it(tmp_path: Path):
    path = make_tar(tmp_path / "a.tar", MANY)
    data = bytearray(path.read_bytes())
    third = 2 * (512 + 5120)
    data[third + 150] ^= 1  # its checksum
    path.write_bytes(data)
    assert names(path) == ["a.tar/0.dcm", "a.tar/1.dcm", "a.tar"]
    assert "makes no sense" in problems(path)["a.tar"]


def test_two_tars_that_were_joined_are_told(tmp_path: Path):
    data = make_tar(tmp_path / "a.tar", {"1.dcm": b"1"}).read_bytes()
    (tmp_path / "a.tar").write_bytes(
        data + make_tar(tmp_path / "b.tar", {"2.dcm": b""}).read_bytes()
    )
    assert names(tmp_path / "a.tar") == ["a.tar/1.dcm", "a.tar"]
    assert "more behind its end" in problems(tmp_path / "a.tar")["a.tar"]


def test_a_tar_header_of_negative_size_ends(tmp_path: Path):
    path = make_tar(tmp_path / "a.tar", {"1.dcm": b"1", "2.dcm": b"2"})
    data = bytearray(path.read_bytes())
    header = data[1024:1536]
    header[124:136] = b"\xff" * 10 + struct.pack(">h", -1024)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data[1024:1536] = header
    path.write_bytes(data)
    begun = time.monotonic()
    assert names(path) == ["a.tar/1.dcm", "a.tar"]
    assert time.monotonic() - begun < 5


def test_a_long_extended_header_is_not_read_into_memory(tmp_path: Path):
    info = tarfile.TarInfo("1.dcm")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 500 * 1024**2
    with gzip.open(path := tmp_path / "a.tar.gz", "wb", 1) as file:
        file.write(make_tar(tmp_path / "x", {"0.dcm": b"0"}).read_bytes()[:1024])
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(50):
            file.write(bytes(1024**2))
    assert names(path) == ["a.tar.gz/0.dcm", "a.tar.gz"]
    assert "makes no sense" in problems(path)["a.tar.gz"]


@pytest.mark.parametrize("keep", [0.3, 0.99])
def test_a_zip_that_is_cut_has_one_row(tmp_path: Path, keep: float):
    whole = make_zip(tmp_path / "a.zip", MANY).read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[: int(len(whole) * keep)])
    assert list(problems(tmp_path / "a.zip")) == names(tmp_path / "a.zip") == ["a.zip"]
    assert "without its table of contents" in problems(tmp_path / "a.zip")["a.zip"]


def test_a_zip_behind_something_else_and_with_a_comment(tmp_path: Path):
    path = make_zip(tmp_path / "a.zip", MANY)
    with zipfile.ZipFile(path, "a") as file:
        file.comment = b"from the ward" * 100
    path.write_bytes(b"PK\x03\x04 a program" + path.read_bytes())
    assert [load(file) for file in find_files([path])] == list(MANY.values())


def test_zip64(tmp_path: Path):
    with zipfile.ZipFile(path := tmp_path / "a.zip", "w") as file:
        with file.open("1.dcm", "w", force_zip64=True) as member:
            member.write(b"one")
        file.writestr("2.dcm", b"two")
    data = bytearray(path.read_bytes())
    # Rewrite the first record and the end as a large archive has them.
    start, end = data.index(CENTRAL), data.index(b"PK\x05\x06")
    record = bytearray(data[start : start + 46 + 5])
    wide = struct.pack("<2H3Q", 1, 24, 3, 3, 0)
    record[20:28] = b"\xff" * 8
    record[30:32] = struct.pack("<H", len(wide))
    record[42:46] = b"\xff" * 4
    rest = data[start + 46 + 5 + struct.unpack("<H", data[start + 30 : start + 32])[0] : end]
    table = bytes(record) + wide + bytes(rest)
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(table), start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, start + len(table), 1)
    last = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    path.write_bytes(bytes(data[:start]) + table + end64 + locator + last)
    with zipfile.ZipFile(path) as file:
        assert file.read("1.dcm") == b"one"
    assert [load(file) for file in find_files([path])] == [b"one", b"two"]


def test_names_are_unique_shown_and_short(tmp_path: Path):
    path = tmp_path / "a.zip"
    with (  # noqa: PT031
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(path, "w") as file,
    ):
        for name in (
            "a.dcm",
            "a.dcm",
            "./a.dcm",
            "x\x1b[31m\n.dcm",
            "é/ü.dcm",
            "d/" * 400 + "1",
        ):
            file.writestr(name, name)
        file.writestr("n" * 3000 + ".dcm", b"")
    found = names(path)
    assert found[:3] == ["a.zip/a.dcm", "a.zip/a-2.dcm", "a.zip/a-3.dcm"]
    assert found[3] == "a.zip/x_[31m_.dcm"
    assert found[4] == "a.zip/é/ü.dcm"
    assert all(name.isprintable() and len(name) < 300 for name in found)
    assert len(set(found)) == 7


def test_results_of_an_earlier_run_in_an_archive_are_passed_over(tmp_path: Path):
    content = {
        "a.dcm": b"",
        "out/previews/a.jpg": b"",
        "out/.hilum/run.json": b"{}",
        "o/b.dcm": b"",
    }
    path = make_zip(tmp_path / "a.zip", content)
    assert names(path) == ["a.zip/a.dcm", "a.zip/o/b.dcm"]
    assert find_files([path]).passed_over == 2


def test_a_file_that_is_no_archive(tmp_path: Path):
    (tmp_path / "a.zip").write_bytes(b"no")
    (tmp_path / "b.zip").write_bytes(b"")
    assert len(problems(tmp_path)) == 2
    assert "though its name says so" in problems(tmp_path)["a.zip"]
    with gzip.open(tmp_path / "film.dcm.gz", "wb") as file:
        file.write(DICM * 9)
    assert "no TAR archive" in problems(tmp_path / "film.dcm.gz")["film.dcm.gz"]
    make_zip(tmp_path / "empty.zip", {})
    assert names(tmp_path / "empty.zip") == []


def test_the_archive_goes_away(tmp_path: Path):
    for path in (make_zip(tmp_path / "a.zip", MANY), make_tar(tmp_path / "a.tgz", MANY, "gz")):
        file = find_files([path]).files[3]
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(DamagedFile):
            load(file)
        path.unlink()
        with pytest.raises(IntakeError, match="cannot be opened"):
            load(file)


def test_one_pass_reads_a_compressed_tar_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = make_tar(tmp_path / "a.tgz", MANY, "gz")
    files = find_files([path]).files
    opened, whole = [], tararchive.Unpacked

    def count(*arguments):
        opened.append(arguments)
        return whole(*arguments)

    monkeypatch.setattr(tararchive, "Unpacked", count)
    in_order = InOrder()
    chosen = [files[i] for i in (1, 2, 5, 9)]  # as after --resume
    assert [load(f, in_order) for f in chosen] == [list(MANY.values())[i] for i in (1, 2, 5, 9)]
    assert len(opened) == 1
    assert load(files[0], in_order) == MANY["0.dcm"]  # going back is right, though slow
    assert len(opened) == 2
    in_order.close()


def test_a_pass_is_stopped(tmp_path: Path):
    path = make_tar(tmp_path / "a.tgz", MANY, "gz")
    files, in_order = find_files([path]).files, InOrder()
    load(files[0], in_order)
    thread = threading.Thread(target=in_order.stop)
    thread.start()
    thread.join()
    with pytest.raises(IntakeError, match="stopped"):
        load(files[1], in_order)


def test_memory_is_flat_over_a_compressed_tar(tmp_path: Path):
    path = make_tar(tmp_path / "a.tgz", {f"{i}.dcm": bytes(3_000_000) for i in range(20)}, "gz")
    tracemalloc.start()
    in_order = InOrder()
    for file in find_files([path]):
        assert len(load(file, in_order)) == 3_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    in_order.close()
    assert peak < 12_000_000


@pytest.mark.parametrize("kind", ["zip", "", "gz", "xz"])
def test_damage_anywhere_is_an_intake_error_at_most(tmp_path: Path, kind: str):
    make = (
        make_zip(tmp_path / "a", CONTENT)
        if kind == "zip"
        else make_tar(tmp_path / "a", CONTENT, kind)
    )
    whole = make.read_bytes()
    lucky = random.Random(1)
    limit = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(lucky.randint(1, 4)):
            data[lucky.randrange(len(data))] = lucky.choice([0, 255, lucky.randrange(256)])
        make.write_bytes(data)
        for file in find_files([make]):
            with suppress(IntakeError):
                load(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - limit < 300_000
