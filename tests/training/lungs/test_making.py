"""Recipe, rounds, card and bundle on a few drawn chests."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra train: pip install 'hilum[train]'")

import torch

from hilum.bundles.card import Result
from hilum.domain import LabelTable
from hilum.errors import BundleError, RecipeError, RunError
from hilum.export.masks import export_masks, round_to_half
from hilum.imaging import encode_png
from hilum.phantoms import draw_chest
from hilum.recipes import locate
from hilum.runtime import Graph
from hilum.training.lungs.card import card_of
from hilum.training.lungs.data import drawn_examples, joined, part_of, radiographs, sample
from hilum.training.lungs.make import make_network, with_fewer_drawn
from hilum.training.lungs.recipe import read_lungs_recipe
from hilum.training.segmentation.examples import unpack
from hilum.transforms.preprocess import normalise

pytestmark = pytest.mark.train

RECIPE = """
seed = 2
batch = 4
[bundle]
name = "tiny-lungs"
version = "1.0.0"
summary = "For tests."
intended_use = "None."
not_for = ["anything"]
licence = "CC0-1.0"
[input]
size = [64, 64]
value_range = [-1.0, 1.0]
[model]
backbone = "test_efficientnet"
weights = ""
width = 16
stages = 3
frozen = 0
[[round]]
masks = "drawn"
epochs = 1
lr = 5e-3
[[round]]
masks = "teacher"
epochs = 1
drawn_share = 0.5
[data.phantoms]
name = "drawn"
images = 0
licence = "CC0-1.0"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four chests as files."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("chests")
    for at in range(4):
        pixels = draw_chest(np.random.default_rng(100 + at), size=(90, 80)).pixels
        (place / f"{at}.png").write_bytes(encode_png(pixels))
    return place


@pytest.fixture(scope="module")
def examples(folder):
    table = LabelTable(
        images=np.array([f"{at}.png" for at in range(4)], object),
        patients=np.array([f"p{at}" for at in range(4)], object),
        findings=(),
        states=np.zeros((4, 0), np.uint8),
    )
    real = radiographs([("ward", sample(table, 3, seed=0))], folder, 64)
    return joined(drawn_examples(16, 64, seed=0), real)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    file = tmp_path_factory.mktemp("recipe") / "lungs.toml"
    file.write_text(RECIPE)
    return read_lungs_recipe(file)


def test_examples_know_where_they_come_from(examples):
    assert len(examples) == 19
    assert examples.mask_from[-3:] == ("", "", "")
    assert all(patient.startswith("ward/") for patient in examples.patient[-3:])
    masks = unpack(examples.masks[0], 2)
    columns = np.arange(64)
    middle = [(mask.sum(0) * columns).sum() / mask.sum() for mask in masks]
    assert middle[0] < 32 < middle[1]  # the right lung lies on the picture's left
    assert len(with_fewer_drawn(examples, 0.25).rows("train")) < len(examples.rows("train"))


def test_one_patient_in_ten_tunes():
    share = np.mean([part_of(f"patient {at}") == "tune" for at in range(2000)])
    assert 0.08 < share < 0.12


def test_the_same_seed_draws_the_same():
    one, more = drawn_examples(2, 64, seed=5), drawn_examples(3, 64, seed=5)
    np.testing.assert_array_equal(one.pictures, more.pictures[:2])


def test_from_examples_to_a_bundle(tmp_path, examples, recipe):
    made = make_network(recipe, examples, weights=tmp_path, out=tmp_path / "run")
    again = make_network(recipe, examples, weights=tmp_path, out=tmp_path / "run")
    for mine, theirs in zip(made.network.parameters(), again.network.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    assert [told["masks"] for told in made.story] == ["drawn", "teacher"]
    assert made.story[1]["of"] == {"ward": 3}
    round_to_half(made.network)
    result = Result(metric="Dice", split="none", value=0.5, images=1)
    card = card_of(recipe, made, [result])
    assert card.data[0].images == len(
        [row for row in made.examples.rows("train") if made.examples.source[row] == "phantoms"]
    )
    images = normalise(examples.pictures[:3].astype(np.float32) / 255, recipe.input)
    bundle = export_masks(made.network, card, images, tmp_path / "tiny")
    assert "largest difference from torch" in bundle.card.provenance["parity"]
    drawn = Graph.open(bundle)(images).masks
    with torch.inference_mode():
        expected = made.network(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(drawn, expected, atol=1e-4)
    assert (tmp_path / "tiny" / "model.onnx").stat().st_size < 2.6 * sum(
        p.numel() for p in made.network.parameters()
    ) + 400_000  # most weights are stored in half precision
    with pytest.raises(RunError, match="another recipe"):
        make_network(
            recipe.model_copy(update={"seed": 9}), examples, weights=tmp_path, out=tmp_path / "run"
        )
    bare = card.model_copy(update={"structures": (), "graph": type(card.graph)()})
    with pytest.raises(BundleError, match="names no masks"):
        export_masks(made.network, bare, images, tmp_path / "none")


def test_examples_of_another_size_are_refused(tmp_path, recipe):
    with pytest.raises(
        RunError, match=r"examples are \[96, 96\], the recipe's input is \[64, 64\]"
    ):
        make_network(recipe, drawn_examples(2, 96, seed=0), weights=tmp_path, out=tmp_path / "run")


def test_the_shipped_recipe_can_be_read():
    recipe = read_lungs_recipe(locate("masks/lungs"))
    assert recipe.round[0].masks == "drawn"
    assert set(recipe.data) == {"phantoms", "nih14", "paediatric"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("epochs = 1", "epochs = 0"), r"round\.0\.epochs"),
        (('masks = "drawn"', 'masks = "teacher"'), "the first round has nothing to propose"),
        (("batch = 4", "batches = 4"), "batches: Extra inputs"),
        (("seed = 2", "seed ="), "cannot be read"),
    ],
)
def test_a_faulty_recipe(tmp_path, change, message):
    file = tmp_path / "lungs.toml"
    file.write_text(RECIPE.replace(*change))
    with pytest.raises(RecipeError, match=message):
        read_lungs_recipe(file)
