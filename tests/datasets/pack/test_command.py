import signal

import pytest

from hilum.cli import main
from hilum.cli import pack as command
from hilum.datasets import table as tables
from hilum.datasets.pack import Pack, packing
from tests.datasets.pack.drawn import contents, make_collection


@pytest.fixture
def hilum(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        told = capsys.readouterr()
        return int(end.value.code or 0), told.out, told.err

    return run


@pytest.fixture
def collection(tmp_path):
    (tmp_path / "c").mkdir()
    tables.save(make_collection(tmp_path / "c"), tmp_path / "c" / "labels.csv")
    return tmp_path / "c"


def test_from_a_table_to_a_pack_and_its_checksums(hilum, collection, tmp_path):
    out = tmp_path / "p"
    status, said, _ = hilum("pack", collection / "labels.csv", "-o", out, "--size", 64)
    assert status == 0, said
    assert "10 images to decode: 0 MB with 2 workers" in said or "with 1 worker." in said
    assert "Packed 10 of 10 images in" in said
    assert f"Pack: {out} (10 pictures, 64 px, short-side, 0 MB)" in said
    assert len(Pack.open(out)) == 10
    status, said, _ = hilum("pack", collection / "labels.csv", "-o", out, "--size", 64)
    assert (status, "Nothing left to decode: all 10 images" in said) == (0, True)
    status, said, _ = hilum("pack", out, "--verify")
    assert (status, "10 pictures (64 px, short-side), all as their checksums say" in said) == (0, 1)
    with (out / "shard-000000.u8").open("r+b") as file:
        file.write(b"\0\1\2\3")
    status, said, _ = hilum("pack", out, "--verify")
    assert status == 1
    assert "1 of 10 pictures or files are damaged: 'a/0.png'" in said


def test_refused_images_give_a_status_and_a_reason(hilum, collection, tmp_path):
    (collection / "a" / "2.png").write_text("no picture")
    (collection / "a" / "7.png").unlink()
    given = ["pack", collection / "labels.csv", "-o", tmp_path / "p", "--size", 32]
    status, said, _ = hilum(*given)
    assert status == 1
    assert "NOT packed: 2 (1 not-an-image, 1 unreadable); why is in" in said
    assert "(8 pictures" in said
    status, said, _ = hilum(*given)
    assert status == 1  # tried again
    assert "2 images to decode" in said
    assert "8 are in the pack already" in said


def test_an_error_of_our_own_costs_one_row_and_tells_no_secret(
    hilum, collection, tmp_path, monkeypatch
):
    decode = packing.decode

    def spoilt(folder, name, spec):
        if name == "a/4.png":
            raise ZeroDivisionError("^".join(["Doe", "John"]))
        return decode(folder, name, spec)

    monkeypatch.setattr(packing, "decode", spoilt)
    status, said, _ = hilum("pack", collection / "labels.csv", "-o", tmp_path / "p")
    assert status == 1
    assert "NOT packed: 1 (1 failed)" in said
    told = contents(tmp_path / "p")
    assert b"a/4.png,failed,Hilum failed on this file (ZeroDivisionError)" in told["refused.csv"]
    assert b"a/4.png: ZeroDivisionError" in told["failures.log"]
    assert not any(b"Doe^John" in data for data in told.values())


def test_ctrl_c_keeps_what_is_done(hilum, collection, tmp_path, monkeypatch):
    decode = packing.decode
    # A process that a shell started in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def stopped(folder, name, spec):
        if name == "a/6.png":
            signal.raise_signal(signal.SIGINT)
        return decode(folder, name, spec)

    given = ["pack", collection / "labels.csv", "-o", tmp_path / "p", "--workers", 1]
    with monkeypatch.context() as patch:
        patch.setattr(packing, "decode", stopped)
        status, said, told = hilum(*given)
    signal.signal(signal.SIGINT, before)
    assert status == command.INTERRUPTED
    assert "Stopping" in told
    kept = len(Pack.open(tmp_path / "p", unfinished=True))
    assert f"Stopped; {kept} pictures are kept, and the same command goes on." in said
    status, said, _ = hilum(*given)
    assert status == 0
    assert (
        Pack.open(tmp_path / "p").names.tolist()
        == tables.load(collection / "labels.csv").images.tolist()
    )


def test_shards_for_object_storage(hilum, collection, tmp_path):
    given = ["pack", collection / "labels.csv", "-o", tmp_path / "p", "--webdataset"]
    status, said, _ = hilum(*given)
    assert status == 0
    assert f"WebDataset: {tmp_path / 'p' / 'webdataset'} (1 file, " in said
    assert (tmp_path / "p" / "webdataset" / "shard-000000.tar").is_file()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((), "Give its folder with -o"),
        (("-o", "OUT", "--fit", "stretch"), "fit 'stretch' is unknown; give one of short-side"),
        (("-o", "OUT", "--fit", "squash", "--size", "1500"), "at most 1,024 px"),
        (("-o", "OUT", "--images", "OUT"), "None of the 10 images is in"),
        (("--verify",), "is no pack: it has no pack.json"),
    ],
)
def test_what_cannot_be_done_is_said(hilum, collection, tmp_path, given, message):
    given = [str(tmp_path / "p") if one == "OUT" else one for one in given]
    status, _, told = hilum("pack", collection / "labels.csv", *given)
    assert status == 2
    assert message in told
    assert not (tmp_path / "p" / "pack.json").exists()
