"""Training crops to the lungs by the code that reading crops with."""

from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.bundles import load  # noqa: E402
from hilum.bundles.card import Preprocessing  # noqa: E402
from hilum.domain import LabelTable, Reading  # noqa: E402
from hilum.domain.text import text  # noqa: E402
from hilum.errors import RecipeError, RunError  # noqa: E402
from hilum.imaging import read  # noqa: E402
from hilum.phantoms import draw_chest  # noqa: E402
from hilum.reading import Reader  # noqa: E402
from hilum.reading.cropping import part_of  # noqa: E402
from hilum.reading.lungs import LungReader  # noqa: E402
from hilum.training.cropping import shown_whole, with_finder  # noqa: E402
from hilum.training.recipe.recipe import parse_recipe  # noqa: E402
from hilum.training.rows import load_images  # noqa: E402
from hilum.training.run import train  # noqa: E402
from hilum.transforms.preprocess import LONGEST_PX, fit, prepare  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    for seed in (4, 5):
        chest = draw_chest(np.random.default_rng(seed), size=(300, 260)).pixels
        cv2.imwrite(str(folder / f"chest-{seed}.png"), (255 * chest).astype(np.uint8))
    cv2.imwrite(str(folder / "grey.png"), np.full((300, 260), 90, np.uint8))
    return folder


def table_of(folder: Path) -> LabelTable:
    names = text(sorted(path.name for path in folder.iterdir()))
    return LabelTable(names, (), np.zeros((len(names), 0), np.uint8), names)


@pytest.mark.parametrize("how", ["squash", "letterbox", "centre-crop"])
def test_a_network_learns_from_what_it_is_shown_when_it_reads(files, tmp_path, how):
    spec = Preprocessing(size=(96, 96), fit=how, crop="lungs", crop_margin=0.1)
    table, reader = table_of(files), LungReader.of("lungs")
    images = load_images(table, files, spec, tmp_path / "images")
    for row, name in enumerate(table.images.tolist()):
        film = read(files / name, longest_px=LONGEST_PX)
        part, notes = part_of(film, reader(film), spec)
        grey, to_film = fit(film.pixels, spec, part)
        assert bool(notes) == (name == "grey.png")
        assert np.array_equal(images[row], np.rint(grey * 255).astype(np.uint8))
        wanted = np.asarray(to_film.then(film.source.to_source).matrix)
        np.testing.assert_allclose(images.to_source(row).matrix, wanted, atol=1e-9)
    assert shown_whole(images).startswith("input.crop: no lungs on 1 of 3 pictures")
    again = load_images(table, tmp_path / "images", spec, tmp_path / "none")
    assert len(again) == 3


def test_a_pack_of_whole_pictures_is_none_of_crops(files, tmp_path):
    spec = Preprocessing(size=(96, 96))
    load_images(table_of(files), files, spec, tmp_path / "images")
    cropped = spec.model_copy(update={"crop": "lungs"})
    with pytest.raises(RecipeError, match=r"margin of 0.05, by .*; train from the"):
        load_images(table_of(files), tmp_path / "images", cropped, tmp_path / "none")
    with pytest.raises(RunError, match="holds pictures of 96 px, squash, and"):
        load_images(table_of(files), files, cropped, tmp_path / "images")


def test_the_card_gets_the_digest_of_what_found_the_lungs():
    spec, digest = Preprocessing(size=(96, 96)), load("lungs").digest
    assert with_finder(spec) == spec
    cropped = spec.model_copy(update={"crop": "lungs"})
    assert with_finder(cropped).crop_by == digest
    assert with_finder(with_finder(cropped)).crop_by == digest
    with pytest.raises(RecipeError, match="is not the digest of the bundle lungs"):
        with_finder(cropped.model_copy(update={"crop_by": "0" * 64}))


@pytest.mark.slow
def test_a_recipe_that_crops_makes_a_bundle_that_crops(tmp_path):
    """Dark chests have the finding; one picture holds no lungs and is learnt from whole."""
    rows = ["file,patient,labels"]
    for at in range(24):
        chest = draw_chest(np.random.default_rng(at), size=(160, 150)).pixels
        grey = np.full((160, 150), 100) if at == 5 else 255 * chest * (0.6 if at % 2 else 1.0)
        cv2.imwrite(str(tmp_path / f"{at}.png"), grey.astype(np.uint8))
        rows.append(f"{at}.png,p{at},{'consolidation' if at % 2 else 'No Finding'}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    said = {
        "folds": 3,
        "data": {"table": "labels.csv", "image": "file", "patient": "patient", "labels": "labels",
                 "findings": ["consolidation"], "name": "drawn", "licence": "CC0-1.0"},
        "bundle": {"name": "cropped", "licence": "CC0-1.0"},
        "model": {"backbone": "test_resnet"},
        "input": {"size": [64, 64], "value_range": [-1.0, 1.0], "crop": "lungs"},
        "optimiser": {"name": "adamw", "head_lr": 2e-2},
        "fit": {"epochs": 6, "batch": 8, "best": "last"},
        "watch": {"stop": []},
    }  # fmt: skip
    recipe = parse_recipe(said, "recipe")
    bundle = train(recipe, data=tmp_path, weights=tmp_path, out=tmp_path / "out")
    spec = bundle.card.preprocessing
    assert (spec.crop, spec.crop_margin, spec.crop_by) == ("lungs", 0.05, load("lungs").digest)
    film = read(tmp_path / "0.png", longest_px=LONGEST_PX)
    reader = Reader.of(bundle)
    reading = reader(film)
    assert isinstance(reading, Reading)
    part, _ = part_of(film, LungReader.of("lungs")(film), spec)
    shown, _ = prepare(film.pixels, spec, part)
    logit = float(reader.graph(shown[None]).logits[0, 0])
    assert reading["consolidation"].logit == pytest.approx(logit, abs=1e-6)
    lung_crop = {"augmentation": {"steps": [{"do": "lung-crop"}]}}
    both = parse_recipe(said | lung_crop, "recipe")
    with pytest.raises(RecipeError, match="leave out one of the two"):
        train(both, data=tmp_path, weights=tmp_path, out=tmp_path / "both")
