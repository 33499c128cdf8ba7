from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.bundles.card import Preprocessing  # noqa: E402
from hilum.datasets.columns import Columns, read_csv  # noqa: E402
from hilum.datasets.pack import Pack, PackSpec  # noqa: E402
from hilum.datasets.pack.packing import Packing  # noqa: E402
from hilum.domain import LabelTable  # noqa: E402
from hilum.domain.text import text  # noqa: E402
from hilum.errors import PackError, RecipeError, RunError  # noqa: E402
from hilum.imaging import read  # noqa: E402
from hilum.training.machine import Machine  # noqa: E402
from hilum.training.material import gather  # noqa: E402
from hilum.training.recipe import load_recipe  # noqa: E402
from hilum.training.rows import PLAIN, Labelled, Rows, load_images  # noqa: E402
from hilum.transforms.preprocess import LONGEST_PX, prepare  # noqa: E402

pytestmark = pytest.mark.train

SPEC = Preprocessing(size=(64, 64), value_range=(-1.0, 1.0))


@pytest.fixture
def table(collection: Path) -> LabelTable:
    columns = Columns(
        image="file", patient="patient", labels="labels", columns={"part": "part", "road": "road"}
    )
    return read_csv(collection / "labels.csv", columns, ("mass", "nodule"))


def packed(table: LabelTable, images: Path, out: Path, fit: str = "squash") -> Path:
    with Packing.open(out, table, images, spec=PackSpec((64, 64), fit)) as packing:
        for _ in packing.run(2):
            pass
        packing.finish()
    return out


def test_what_is_learnt_from_is_what_reading_shows(
    collection: Path, table: LabelTable, tmp_path: Path
) -> None:
    images = load_images(table, collection, SPEC, tmp_path / "images")
    known = Labelled(*table.targets(), table.patients)
    rows = Rows(images, known, np.arange(72), spec=SPEC)
    for at in (0, 17, 71):
        pixels = read(collection / str(table.images[at]), longest_px=LONGEST_PX).pixels
        wanted, _ = prepare(pixels, SPEC)
        assert np.abs(rows[PLAIN, at][0].numpy() - wanted).max() <= 2 * 0.5 / 255 + 1e-6


def test_images_are_decoded_once(
    collection: Path, table: LabelTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_images(table, collection, SPEC, tmp_path / "images")
    monkeypatch.setattr(Packing, "work", None)
    again = load_images(table, collection, SPEC, tmp_path / "images")
    assert np.array_equal(first.batch(range(72)), again.batch(range(72)))


def test_a_pack_serves_the_rows_of_any_table_of_its_images(
    collection: Path, table: LabelTable, tmp_path: Path
) -> None:
    pack = packed(table, collection, tmp_path / "pack")
    some = table.rows([40, 3, 22])
    images = load_images(some, pack, SPEC, tmp_path / "unused")
    assert np.array_equal(images.batch([0, 1, 2]), Pack.open(pack).batch([40, 3, 22]))
    assert not (tmp_path / "unused").exists()
    strange = replace(some, images=text(["40.png", "x.png", "y.png"]))
    with pytest.raises(PackError, match=r"2 of 3 images are not in .*'x\.png', 'y\.png'"):
        load_images(strange, pack, SPEC, tmp_path / "unused")


@pytest.mark.parametrize(
    ("size", "fit", "message"),
    [
        ((64, 64), "letterbox", "pictures of 64 px, squash, .* is 64 px, letterbox; pack again"),
        ((32, 32), "squash", "is 32 px, squash; pack again with `--size 32 --fit squash`"),
    ],
)
def test_a_pack_of_other_pictures_is_refused(
    collection: Path, table: LabelTable, tmp_path: Path, size, fit, message
) -> None:
    pack = packed(table.rows([0, 1]), collection, tmp_path / "pack")
    other = Preprocessing(size=size, fit=fit)
    with pytest.raises(RecipeError, match=message):
        load_images(table.rows([0]), pack, other, tmp_path / "unused")


def test_a_radiograph_that_cannot_be_read_stops_the_run(
    collection: Path, table: LabelTable, tmp_path: Path
) -> None:
    lacking = replace(table.rows([0, 1]), images=text(["0.png", "none.png"]))
    with pytest.raises(RunError, match=r"1 radiographs cannot be read: none\.png \(.*\)\. Mend"):
        load_images(lacking, collection, SPEC, tmp_path / "images")


def test_a_recipe_takes_a_pack_for_its_radiographs(
    collection: Path, table: LabelTable, tmp_path: Path, recipe_text: str
) -> None:
    pack = packed(table, collection, tmp_path / "pack")
    changed = recipe_text.replace('labels = "labels"\n', "").replace('"file"', '"image"')
    found = []
    for name, recipe, data in (("files", recipe_text, collection), ("packed", changed, pack)):
        path = tmp_path / f"{name}.toml"
        path.write_text(recipe, encoding="utf-8")
        (tmp_path / name).mkdir()
        found.append(gather(load_recipe(path), data, tmp_path / name, Machine.here()))
    one, other = found
    assert one.table.digest() == other.table.digest()
    assert one.split.digest == other.split.digest
    assert np.array_equal(one.images.batch(range(72)), other.images.batch(range(72)))
    assert (tmp_path / "files" / "images" / "pack.json").is_file()
    assert not (tmp_path / "packed" / "images").exists()
