"""Segmentation learns through the loop of every other task."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

import timm  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from hilum.datasets.columns import Columns, read_csv  # noqa: E402
from hilum.domain import Radiograph, Source  # noqa: E402
from hilum.errors import LabelError, RecipeError, Stopped  # noqa: E402
from hilum.phantoms import draw_chest  # noqa: E402
from hilum.reading.lungs import LungFields, LungReader  # noqa: E402
from hilum.report.run.epochs import read_epochs  # noqa: E402
from hilum.report.run.terminal import summary  # noqa: E402
from hilum.runtime import Graph  # noqa: E402
from hilum.training.held_out import folds_of  # noqa: E402
from hilum.training.recipe import Recipe, load_recipe  # noqa: E402
from hilum.training.recipe.recipe import parse_recipe  # noqa: E402
from hilum.training.run import train  # noqa: E402
from hilum.training.segmentation.finishing import measured  # noqa: E402
from hilum.training.segmentation.overlap import Overlap  # noqa: E402
from tests.training.segmentation.test_objective import BASE  # noqa: E402

pytestmark = pytest.mark.train


def load(folder: Path, text: str) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


def test_from_masks_to_a_bundle_that_finds_lungs(
    tmp_path: Path, chests: Path, recipe_text: str
) -> None:
    recipe = load(tmp_path, recipe_text.replace("epochs = 4", "epochs = 12"))
    assert (recipe.folds, recipe.fit.best) == (0, "dice")
    run = tmp_path / "run"
    bundle = train(recipe, data=chests, weights=tmp_path, out=run)
    card = bundle.card
    assert card.structures == ("lung_right", "lung_left")
    assert (card.findings, card.gate, card.graph.masks) == ((), None, "masks")
    assert [data.images for data in card.data] == [22, 8]
    told = {(r.metric, r.split): r for r in card.results}
    mean = told["Dice, mean of structures", "test"]
    assert mean.value is not None
    assert mean.low is not None
    assert mean.high is not None
    assert mean.low < mean.value < mean.high
    assert mean.value > 0.8  # an all-black mask has 0, the frequencies have none above one half
    assert (mean.images, "8 patients" in mean.note) == (8, True)
    iou = told["IoU, lung_left", "test"].value
    dice = told["Dice, lung_left", "test"].value
    assert iou is not None
    assert dice is not None
    assert iou < dice
    assert told["Dice, lung_left", "test, ward a"].images == 4

    lines = read_epochs(run / "final" / "epochs.jsonl")
    assert set(lines[0]["tune"]) == {"dice", "iou", "false"}
    assert set(lines[0]["tune"]["dice"]) == {"mean", "lung_right", "lung_left"}
    best = max(line["tune"]["dice"]["mean"] for line in lines)
    assert [line for line in lines if line["best"]][-1]["tune"]["dice"]["mean"] == best
    tuned = told["Dice, mean of structures", "tune"].value
    assert tuned == pytest.approx(best, abs=2e-3)  # weights of the bundle are rounded

    reader = LungReader.of(bundle)
    phantom = draw_chest(np.random.default_rng(77), size=(256, 256))
    film = Radiograph(phantom.pixels, Source("drawn.png", "png", (256, 256)))
    found = reader(film)
    assert isinstance(found, LungFields)
    for mask, name in zip(found.masks, card.structures, strict=True):
        other = phantom.masks[name]
        assert 2 * (mask & other).sum() / (mask.sum() + other.sum()) > 0.75

    page = (run / "run.html").read_text()
    assert "Dice, mean of structures" in page
    assert "Mean Dice, tune" in page
    assert "AUROC" not in page
    console = Console(record=True, width=120, file=StringIO())
    console.print(summary(run))
    assert "Dice, lung_right" in console.export_text()
    again = train(recipe, data=chests, weights=tmp_path, out=run)
    assert again.digest == bundle.digest


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path: Path, chests: Path, recipe_text: str
) -> None:
    recipe = load(tmp_path, recipe_text.replace("epochs = 4", "epochs = 2"))
    whole = train(recipe, data=chests, weights=tmp_path, out=tmp_path / "whole")
    steps = 0

    def now_and_then() -> str:
        nonlocal steps
        steps += 1
        return "Enough." if steps % 4 == 0 else ""

    stops = 0
    while True:
        try:
            again = train(recipe, data=chests, weights=tmp_path, out=tmp_path / "parts",
                          stop=now_and_then)  # fmt: skip
            break
        except Stopped:
            stops += 1
    assert stops == 2
    images = np.random.default_rng(0).random((3, 1, 64, 64)).astype(np.float32)
    expected, got = (Graph.open(one)(images).masks for one in (whole, again))
    assert expected is not None
    assert got is not None
    assert np.array_equal(expected, got)


def test_out_of_fold(tmp_path: Path, chests: Path, recipe_text: str) -> None:
    start = timm.create_model("test_resnet", in_chans=1)
    save_file(start.state_dict(), tmp_path / "start.safetensors")
    weights = 'weights = "start.safetensors"\nweights_licence = "CC0-1.0"\nweights_origin = "x"\n'
    text = recipe_text
    for old, new in (
        ("seed = 3", "seed = 3\nfolds = 3"),
        ("epochs = 4", "epochs = 1"),
        ("[model]\n", f"[model]\n{weights}"),
    ):
        text = text.replace(old, new)
    run = tmp_path / "run"
    card = train(load(tmp_path, text), data=chests, weights=tmp_path, out=run).card
    folded = [r for r in card.results if "out of fold (3 folds by patient)" in r.split]
    assert {r.images for r in folded if r.split.endswith("patient)")} == {30}
    rows = [np.load(run / f"fold-{at}" / "held-out.npz")["rows"] for at in range(3)]
    assert len(set(np.concatenate(rows).tolist())) == 30
    assert {r.split.split(",")[0] for r in card.results} == {"train and tune", "tune", "test"}
    assert all("began with start.safetensors" in r.note for r in card.results)


def test_the_seed_of_the_split_decides_folds(chests: Path) -> None:
    table = read_csv(chests / "labels.csv", Columns(image="file", patient="patient"))
    drawn: list[list[list[int]]] = []
    for seed, split_seed in ((1, 5), (2, 5), (1, 6)):
        raw = BASE | {"seed": seed, "folds": 3, "data": BASE["data"] | {"split_seed": split_seed}}
        each, _ = folds_of(parse_recipe(raw, "recipe"), table, np.arange(40))
        drawn.append([part.tolist() for fold in each for part in (fold.held, fold.tune)])
        for fold in each:
            assert not set(fold.held) & (set(fold.train) | set(fold.tune))
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_images_with_nothing_to_draw_count_apart_on_the_card() -> None:
    theirs = np.array([[4, 4], [4, 4], [0, 4], [0, 4]], np.float32)
    mine = np.array([[4, 4], [0, 4], [0, 4], [4, 0]], np.float32)
    table = SimpleNamespace(patients=np.array(["p", "q", "r", "s", "t"]))
    run = SimpleNamespace(
        recipe=parse_recipe(BASE, "recipe"), material=SimpleNamespace(table=table)
    )
    found = Overlap(np.minimum(mine, theirs), mine, theirs)
    results = measured(run, found, np.arange(1, 5), split="test", note="x")  # type: ignore[arg-type]
    told = {r.metric: (r.value, r.images) for r in results}
    assert told == {
        "Dice, a": (0.5, 2),
        "Dice, b": (0.75, 4),
        "Dice, mean of structures": (0.625, 4),
        "IoU, a": (0.5, 2),
        "IoU, b": (0.75, 4),
        "IoU, mean of structures": (0.625, 4),
        "drawn where there is nothing, a": (0.5, 2),
    }
    notes = {r.metric: r.note for r in results}
    assert "the 2 of 4 images on which there is something to draw" in notes["Dice, a"]
    assert "the 2 of 4 images on which there is nothing" in notes["drawn where there is nothing, a"]


def test_what_the_user_is_told_of_wrong_masks(
    tmp_path: Path, chests: Path, recipe_text: str
) -> None:
    def refused(text: str, kind: type[Exception], message: str) -> None:
        with pytest.raises(kind, match=message):
            train(load(tmp_path, text), data=chests, weights=tmp_path, out=tmp_path / text[-9:])

    refused(recipe_text.replace('masks = "mask"', 'masks = "other"'), LabelError, "other")
    odd = recipe_text.replace('masks = "mask"', 'masks = "mask"\nmask_values = [1, 9]') + "#"
    refused(odd, LabelError, r"38 of 38 masks cannot be used: masks/0.png \(holds 2, structures")
    images = recipe_text.replace('masks = "mask"', 'masks = "file"') + "##"
    refused(images, LabelError, "holds ")
    best = recipe_text.replace("epochs = 4", 'epochs = 4\nbest = "auroc"') + "###"
    refused(best, RecipeError, "no metric 'auroc'|unknown metric|metric")
