"""Detection learns through the loop of every other task."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.domain.boxes import Boxes  # noqa: E402
from hilum.domain.text import text  # noqa: E402
from hilum.errors import LabelError, RecipeError, Stopped  # noqa: E402
from hilum.evaluation.localisation import PredictedBoxes, iou  # noqa: E402
from hilum.imaging import read  # noqa: E402
from hilum.report.run.epochs import read_epochs  # noqa: E402
from hilum.report.run.terminal import summary  # noqa: E402
from hilum.runtime import Graph  # noqa: E402
from hilum.training.detection.judged import Agreement  # noqa: E402
from hilum.training.recipe import Recipe, load_recipe  # noqa: E402
from hilum.training.run import train  # noqa: E402
from hilum.transforms.preprocess import prepare  # noqa: E402

pytestmark = pytest.mark.train


def load(folder: Path, text_: str) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(text_, encoding="utf-8")
    return load_recipe(path)


def test_from_boxes_to_a_bundle_that_draws_them(
    tmp_path: Path, boxed: Path, recipe_text: str
) -> None:
    recipe = load(tmp_path, recipe_text.replace("epochs = 3", "epochs = 14"))
    assert recipe.fit.best == "ap50"
    run = tmp_path / "run"
    bundle = train(recipe, data=boxed, weights=tmp_path, out=run)
    card = bundle.card
    assert (card.findings, card.structures, card.graph.boxes) == ((), (), "boxes")
    (kind,) = card.boxes
    assert (kind.key, kind.rule.split(" on ")[0]) == ("opacity", "greatest F1 at an IoU of .5")
    told = {(r.metric, r.finding, r.split): r for r in card.results}
    ap = told["AP at IoU .5", "opacity", "test"]
    assert ap.value is not None
    assert ap.value > 0.5  # the same box everywhere has less than .05
    assert (ap.low is None) == (ap.value == 1)  # an interval that is a point is none
    assert ap.images == 12
    assert told["sensitivity of shown boxes", "opacity", "tune"].value is not None
    assert sum(data.images for data in card.data) == 44  # four were never looked at

    lines = read_epochs(run / "final" / "epochs.jsonl")
    best = max(line["tune"]["ap50"]["mean"] for line in lines)
    assert [line for line in lines if line["best"]][-1]["tune"]["ap50"]["mean"] == best
    tuned = told["AP at IoU .5", "opacity", "tune"].value
    assert tuned == pytest.approx(best, abs=0.02)  # weights of the bundle are rounded

    graph = Graph.open(bundle)
    film = read(boxed / "5.png")
    (drawn,) = graph(prepare(film.pixels, card.preprocessing)[0][None]).boxes
    surest = drawn[0]
    x, y, w, h = (surest[:4] - np.r_[0, 0, surest[:2]]) * np.tile([80 / 64, 96 / 64], 2)
    grey = film.pixels >= 0.99
    rows, columns = np.flatnonzero(grey.any(1)), np.flatnonzero(grey.any(0))
    square = [columns[0], rows[0], len(columns), len(rows)]
    assert iou(np.array([[x, y, w, h]]), np.array([square], np.float64))[0, 0] > 0.5

    curves = json.loads((run / "froc.json").read_text())
    assert curves["test"]["opacity"]["sensitivity"][-1] > 0.5
    page = (run / "run.html").read_text()
    for words in ("AP at IoU .5", "sensitivity of shown boxes", "Mean AP at IoU .5, tune"):
        assert words in page
    assert "AUROC" not in page
    console = Console(record=True, width=160, file=StringIO())
    console.print(summary(run))
    assert "AP at IoU .5" in console.export_text()
    assert train(recipe, data=boxed, weights=tmp_path, out=run).digest == bundle.digest


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path: Path, boxed: Path, recipe_text: str
) -> None:
    recipe = load(tmp_path, recipe_text.replace("epochs = 3", "epochs = 2"))
    whole = train(recipe, data=boxed, weights=tmp_path, out=tmp_path / "whole")
    steps = 0

    def now_and_then() -> str:
        nonlocal steps
        steps += 1
        return "Enough." if steps % 3 == 0 else ""

    stops = 0
    while True:
        try:
            again = train(recipe, data=boxed, weights=tmp_path, out=tmp_path / "parts",
                          stop=now_and_then)  # fmt: skip
            break
        except Stopped:
            stops += 1
    assert stops > 1
    images = np.random.default_rng(0).random((3, 1, 64, 64)).astype(np.float32)
    expected, got = (Graph.open(one)(images).boxes for one in (whole, again))
    assert expected is not None
    assert got is not None
    assert np.array_equal(expected, got)


def test_findings_and_masks_beside_boxes_out_of_fold(
    tmp_path: Path, boxed: Path, recipe_text: str
) -> None:
    classes = (
        '[[task]]\nkind = "one-of"\nfindings = ["typical_appearance", "negative_for_pneumonia"]\n'
    )
    text_ = recipe_text
    for old, new in (
        ("folds = 0", "folds = 3"),
        ('table = "labels.csv"', 'table = "labels.csv"\nmasks = "mask"'),
        ("width = 64\n", f'width = 64\nstructures = ["square"]\n{classes}'),
        ("epochs = 3", "epochs = 8"),
    ):
        text_ = text_.replace(old, new)
    run = tmp_path / "run"
    bundle = train(load(tmp_path, text_), data=boxed, weights=tmp_path, out=run)
    card = bundle.card
    assert card.keys == ("typical_appearance", "negative_for_pneumonia")
    assert (card.structures, [one.key for one in card.boxes]) == (("square",), ["opacity"])
    assert "out of fold" in card.boxes[0].rule
    told = {(r.metric, r.finding): r for r in card.results if "out of fold" in r.split}
    assert told["AP at IoU .5", "opacity"].images == 44  # of 48; on four nobody looked
    assert told["AUROC", "typical_appearance"].images == 48
    assert {r.split.split(",")[0] for r in card.results} == {"train and tune", "tune", "test"}
    with np.load(run / "out-of-fold.npz") as held:
        assert sorted(held["rows"].tolist()) == sorted(set(held["rows"].tolist()))
        assert held["logits"].shape == (48, 2)
    found = Graph.open(bundle)(np.zeros((1, 1, 64, 64), np.float32))
    assert found.masks is not None
    assert found.masks.shape[:2] == (1, 1)
    assert found.boxes is not None
    assert found.boxes.shape == (1, 100, 6)


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ('["opacity"]', '["nodule"]', LabelError, "No box is drawn around 'nodule'"),
        ('["opacity"]', '["opacitiy"]', RecipeError, "did you mean opacity"),
        ("width = 64", 'width = 64\nloss = { name = "bce" }', RecipeError, "losses of its head"),
        ("width = 64", 'width = 64\nstructures = ["square"]', RecipeError, "data.masks"),
        ("epochs = 3", "epochs = 3\nmixup = 0.2", RecipeError, "fit.mixup: not for a detection"),
        ("epochs = 3", 'epochs = 3\nbest = "auroc"', RecipeError, "Unknown metric 'auroc'"),
        ("size = [64, 64]", "size = [72, 64]", RecipeError, "multiples of 32"),
    ],
)  # fmt: skip
def test_what_the_user_is_told(
    tmp_path: Path, boxed: Path, recipe_text: str, old: str, new: str, error: type[Exception],
    said: str,
) -> None:  # fmt: skip
    assert old in recipe_text

    def whole() -> None:
        recipe = load(tmp_path, recipe_text.replace(old, new))
        train(recipe, data=boxed, weights=tmp_path, out=tmp_path / "run")

    with pytest.raises(error) as raised:
        whole()
    assert said in str(raised.value)


def test_agreement_without_any_box() -> None:
    none = PredictedBoxes(np.zeros(0, np.int64), text([]), np.zeros((0, 4)), np.zeros(0))
    nothing = Agreement(("nodule",), Boxes.none([True, False]), none)
    assert nothing.average_precision() == [None]
    assert nothing.surest().tolist() == [[0], [0]]
