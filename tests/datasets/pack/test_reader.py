import multiprocessing
import pickle
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from hilum.bundles.card import Preprocessing
from hilum.datasets.pack import Pack
from hilum.errors import PackError
from hilum.imaging import read
from hilum.transforms.preprocess import LONGEST_PX, normalise, prepare
from tests.datasets.pack.drawn import SHORT, SQUASH, fill


def test_pictures_are_what_reading_gives_to_the_network(drawn, squashed):
    folder, table = drawn
    pack = Pack.open(squashed)
    spec = Preprocessing(size=(64, 64), fit="squash", value_range=(-1.0, 1.0))
    assert pack.names.tolist() == table.images.tolist()
    for row, name in enumerate(table.images.tolist()):
        wanted, _ = prepare(read(folder / name, longest_px=LONGEST_PX).pixels, spec)
        got = normalise(pack[row].astype(np.float32) / np.float32(255), spec)
        assert np.abs(wanted - got).max() <= 2 * 0.5 / 255 + 1e-6  # eight bits, and no more


@pytest.mark.parametrize("fit", ["squash", "letterbox", "centre-crop"])
def test_every_fit_is_that_of_the_preprocessing(drawn, tmp_path, fit):
    folder, table = drawn
    fill(tmp_path / "p", table.rows([1, 4]), folder, type(SQUASH)((48, 80), fit))
    spec = Preprocessing(size=(48, 80), fit=fit)
    for row, at in enumerate([1, 4]):
        pixels = read(folder / str(table.images[at]), longest_px=LONGEST_PX).pixels
        wanted = np.rint(prepare(pixels, spec)[0][0] * 255)
        assert np.array_equal(Pack.open(tmp_path / "p")[row], wanted)


def test_short_side_keeps_proportions_and_never_enlarges(drawn, tmp_path):
    folder, table = drawn
    fill(tmp_path / "p", table, folder, type(SHORT)((180, 180), "short-side"))
    shapes = [picture.shape for picture in Pack.open(tmp_path / "p")][:5]
    # of 200 × 160, 160 × 200 (both smaller), 256 × 256, 90 × 240 (smaller), 320 × 200
    assert shapes == [(200, 160), (160, 200), (180, 180), (90, 240), (288, 180)]


def test_a_longer_side_is_at_most_twice_the_size(tmp_path):
    from tests.datasets.pack.drawn import make_collection

    table = make_collection(tmp_path, 1)
    cv2.imwrite(str(tmp_path / str(table.images[0])), np.full((100, 1000), 90, np.uint8))
    fill(tmp_path / "p", table.rows([0]), tmp_path, SHORT)
    assert Pack.open(tmp_path / "p")[0].shape == (13, 128)


def test_a_batch_is_the_pictures_in_the_order_asked_for(squashed):
    pack = Pack.open(squashed)
    rows = [7, 2, 2, 9, 0]
    wanted = np.stack([pack[row] for row in rows])
    assert np.array_equal(pack.batch(rows), wanted)
    out = np.zeros((5, 64, 64), np.uint8)
    assert pack.batch(np.array(rows), out) is out
    assert np.array_equal(out, wanted)
    assert pack.batch([]).shape == (0, 64, 64)


def test_a_picture_is_a_view_that_cannot_be_written(squashed):
    picture = Pack.open(squashed)[3]
    assert picture.base is not None
    assert not picture.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        picture[0, 0] = 1


def test_rows_that_are_not_there(squashed):
    pack = Pack.open(squashed)
    with pytest.raises(IndexError):
        pack[10]
    with pytest.raises(IndexError, match="rows 0 to 10 of a pack of 10"):
        pack.batch([0, 10])
    with pytest.raises(IndexError, match="rows -1 to 0"):
        pack.batch([0, -1])
    with pytest.raises(ValueError, match=r"out must be uint8 \[2, 64, 64\]"):
        pack.batch([0, 1], np.zeros((2, 64, 64), np.float32))
    with pytest.raises(PackError, match=r"1 of 2 images are not in .*'b\.png'"):
        pack.rows_of(["a/0.png", "b.png"])
    assert len(list(pack)) == 10


def test_pictures_of_many_sizes_are_fitted_into_batches(proportioned):
    from hilum.transforms.preprocess import fit

    pack = Pack.open(proportioned)
    with pytest.raises(PackError, match="differ in size: give batch"):
        pack.batch([0, 1])
    for how in ("squash", "letterbox", "centre-crop"):
        batch = pack.batch([4, 1], size=(48, 40), fit=how)
        spec = Preprocessing(size=(48, 40), fit=how)
        for picture, row in zip(batch, [4, 1], strict=True):
            wanted, _ = fit(pack[row].astype(np.float32) / np.float32(255), spec)
            assert np.abs(picture - wanted * 255).max() <= 0.5 + 1e-3
    with pytest.raises(PackError, match="give squash, letterbox or centre-crop"):
        pack.batch([0], fit="stretch")


def test_what_was_squashed_is_not_letterboxed_any_more(squashed):
    pack = Pack.open(squashed)
    assert pack.batch([0], size=(32, 32)).shape == (1, 32, 32)
    with pytest.raises(PackError, match="made by squash and cannot be brought to letterbox"):
        pack.batch([0], fit="letterbox")


def test_a_selection_is_a_pack_of_its_own(squashed):
    pack = Pack.open(squashed)
    part = pack.select([8, 1]).select([1, 0])
    assert part.names.tolist() == pack.names[[1, 8]].tolist()
    assert np.array_equal(part[1], pack[8])
    assert part.table.images.tolist() == part.names.tolist()
    again = pickle.loads(pickle.dumps(part))
    assert np.array_equal(again.batch([0, 1]), pack.batch([1, 8]))


def _sum(pack, row):
    return int(pack[row].sum())


@pytest.mark.parametrize("how", ["fork", "spawn"])
def test_other_processes_read_the_same(squashed, how):
    pack = Pack.open(squashed)
    expected = [_sum(pack, row) for row in range(4)]  # mapped before the fork
    with multiprocessing.get_context(how).Pool(2) as pool:
        assert pool.starmap(_sum, [(pack, row) for row in range(4)]) == expected


def test_reading_needs_no_pydicom_torch_or_pyarrow(squashed):
    code = (
        "import sys\n"
        "for name in ('pydicom', 'torch', 'pyarrow', 'imagecodecs', 'onnxruntime', 'cv2'):\n"
        "    sys.modules[name] = None\n"
        "from hilum.datasets.pack import Pack\n"
        "pack = Pack.open(sys.argv[1])\n"
        "assert pack.batch([1, 0]).shape == (2, 64, 64)\n"
        "assert len(pack.table) == 10 and pack.boxes is not None\n"
        "assert not pack.verify()\n"
    )
    command = [sys.executable, "-c", code, str(squashed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_labels_are_those_of_the_table(drawn, squashed):
    table, kept = drawn[1], Pack.open(squashed).table
    assert kept.digest() == table.digest()
    assert np.array_equal(kept.columns["age_years"], table.columns["age_years"], equal_nan=True)
    assert kept.columns["ward"].tolist() == table.columns["ward"].tolist()
    assert kept.boxes is not None
    assert np.array_equal(kept.boxes.xywh, table.boxes.xywh)
    assert np.array_equal(kept.boxes.annotated, table.boxes.annotated)


def test_a_whole_pack_is_verified_and_a_damaged_one_named(squashed, tmp_path):
    counted = []
    assert Pack.open(squashed).verify(lambda: counted.append(1)) == ()
    assert len(counted) == 10
    spoilt = shutil.copytree(squashed, tmp_path / "spoilt")
    at = 4 * 64 * 64 + 100
    with (spoilt / "shard-000000.u8").open("r+b") as file:
        file.seek(at)
        was = file.read(1)
        file.seek(at)
        file.write(bytes([was[0] ^ 1]))
    labels = spoilt / "labels.csv"
    labels.write_text(labels.read_text("utf-8").replace("w1", "w2", 1), "utf-8")
    assert Pack.open(spoilt).verify() == ("labels.csv", "a/4.png")


@pytest.mark.parametrize(
    ("file", "spoil", "message"),
    [
        ("pack.json", None, "is no pack: it has no pack.json"),
        ("pack.json", lambda data: data[:40], "pack.json is damaged"),
        (
            "pack.json",
            lambda data: data.replace(b"pack/1", b"pack/9"),
            "of the form 'hilum.pack/9'",
        ),
        ("pack.json", lambda data: data.replace(b'"squash"', b'"squeeze"'), "damaged"),
        ("index.npy", None, "it has no index.npy"),
        ("index.npy", lambda data: data[:-1], "index.npy is damaged"),
        ("index.npy", lambda data: b"", "index.npy is damaged"),
        ("index.npy", lambda data: data.replace(b"crc32", b"crc64"), "no index of the form"),
        ("names.txt", None, "names.txt is missing or damaged"),
        ("names.txt", lambda data: data[:-1], "names.txt has 9 names of 10"),
        ("names.txt", lambda data: b"\xff" + data, "names.txt is missing or damaged"),
        ("shard-000000.u8", None, "has 0 bytes of 40,960: it is missing or was cut"),
        ("shard-000000.u8", lambda data: data[:-1], "has 40,959 bytes of 40,960"),
    ],
)
def test_a_damaged_pack_is_refused(squashed, tmp_path, file, spoil, message):
    spoilt = shutil.copytree(squashed, tmp_path / "spoilt")
    data = (spoilt / file).read_bytes()
    (spoilt / file).unlink()
    if spoil is not None:
        (spoilt / file).write_bytes(spoil(data))
    with pytest.raises(PackError, match=message):
        Pack.open(spoilt)


def test_labels_that_were_changed_or_lost_are_told(squashed, tmp_path):
    spoilt = shutil.copytree(squashed, tmp_path / "spoilt")
    labels = (spoilt / "labels.csv").read_text("utf-8")
    head, first, *rest = labels.splitlines(keepends=True)
    (spoilt / "labels.csv").write_text("".join([head, *rest]), "utf-8")
    with pytest.raises(PackError, match="lacks rows"):
        _ = Pack.open(spoilt).table
    (spoilt / "labels.csv").write_text("".join([head, *rest, first]), "utf-8")
    with pytest.raises(PackError, match="has been changed"):
        _ = Pack.open(spoilt).table
    (spoilt / "labels.csv").unlink()
    with pytest.raises(PackError, match=r"has no labels\.csv yet"):
        _ = Pack.open(spoilt).table


def test_numpy_alone_reads_the_files(squashed):
    import json

    index = np.load(squashed / "index.npy")
    names = (squashed / "names.txt").read_text("utf-8").split("\n")[: len(index)]
    one = index[names.index("a/4.png")]
    shard = np.memmap(squashed / f"shard-{one['shard']:06d}.u8", np.uint8, "r")
    size = int(one["height"]) * int(one["width"])
    picture = shard[int(one["offset"]) :][:size].reshape(one["height"], one["width"])
    assert np.array_equal(picture, Pack.open(squashed)[4])
    assert json.loads((squashed / "pack.json").read_text())["pictures"] == len(index)
