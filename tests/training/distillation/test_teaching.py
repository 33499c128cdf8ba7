"""What teachers may see, what they leave, and that a run goes on after a stop."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError, Stopped  # noqa: E402
from hilum.training import run as running  # noqa: E402
from hilum.training.cross_validation import cross_validate, material_for  # noqa: E402
from hilum.training.distillation.teaching import FOLDER, SAID, mixed  # noqa: E402
from hilum.training.held_out import folds_of  # noqa: E402
from hilum.training.recipe import Recipe, load_recipe  # noqa: E402

pytestmark = pytest.mark.train


@pytest.fixture
def recipe(tmp_path: Path, frozen_recipe_text: str) -> Recipe:
    text = frozen_recipe_text.replace("epochs = 12", "epochs = 1")
    text = text.replace("average = 0.5", 'average = 0.5\nbest = "last"')
    text = text.replace('stratum = "road"', 'stratum = "road"\nadjust_for_stratum = true')
    path = tmp_path / "recipe.toml"
    path.write_text(text + "[watch]\nstop = []\n[distil]\ninner = 2\n", encoding="utf-8")
    return load_recipe(path)


def said(recipe: Recipe, data: Path, out: Path, **options: Any) -> list[np.ndarray]:
    """What the teachers of each fold said."""
    store = out / "store"
    material = material_for(recipe, data, store)
    cross_validate(recipe, material, weights=out, out=out / "run", store=store, **options)
    files = sorted((out / "run").glob(f"fold-*/{FOLDER}/{SAID}"))
    return [np.load(file)["odds"] for file in files]


def test_teachers_saw_neither_what_is_held_out_nor_the_rows_they_speak_of(
    tmp_path: Path, collection: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt: dict[str, np.ndarray] = {}
    fitted = running._fitted

    def spied(run: Any, name: str, parts: Any) -> Any:
        learnt[name] = parts[0]
        return fitted(run, name, parts)

    monkeypatch.setattr(running, "_fitted", spied)
    material = material_for(recipe, collection, tmp_path / "first")
    folds, _ = folds_of(recipe, material.table, material.rows)
    other = tmp_path / "other"
    shutil.copytree(collection, other)
    held = {str(material.table.images[row]) for row in folds[0].held}
    with (other / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (other / "labels.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        for row in rows:  # one fold's labels and pictures become something else altogether
            changed = {"labels": "No Finding" if "Mass" in row["labels"] else "Mass"}
            out.writerow(row | (changed if row["file"] in held else {}))
    for name in held:
        noise = np.random.default_rng(len(name)).integers(0, 255, (64, 64), np.uint8)
        cv2.imwrite(str(other / name), noise)
    # Folds spread findings evenly: hold them to those of the table as it was.
    monkeypatch.setattr(running, "folds_of", lambda *_, **__: (folds[:2], ""))
    one = said(recipe, collection, tmp_path / "a")
    two = said(recipe, other, tmp_path / "b")
    assert [np.array_equal(a, b) for a, b in zip(one, two, strict=True)] == [True, False]
    for fold in folds[:2]:
        teachers = [rows for name, rows in learnt.items() if name.startswith(f"{fold.name}/")]
        assert len(teachers) == 2
        assert not np.intersect1d(*teachers).size  # each spoke of what the other learnt from
        assert np.array_equal(np.union1d(*teachers), np.sort(fold.train))
        for rows in teachers:
            assert not np.intersect1d(rows, fold.held).size


def test_a_run_that_was_stopped_goes_on(
    tmp_path: Path, collection: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    material = material_for(recipe, collection, tmp_path / "whole" / "store")
    folds, _ = folds_of(recipe, material.table, material.rows)
    monkeypatch.setattr(running, "folds_of", lambda *_, **__: (folds[:1], ""))
    whole = said(recipe, collection, tmp_path / "whole")
    for steps in (1, 4):
        asked = iter(range(1000))
        with pytest.raises(Stopped):
            said(
                recipe,
                collection,
                tmp_path / "part",
                stop=lambda steps=steps, asked=asked: "Enough." * (next(asked) + 1 == steps),
            )
    parts = said(recipe, collection, tmp_path / "part")
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))
    found = [
        np.load(tmp_path / name / "run" / "out-of-fold.npz")["logits"] for name in ("whole", "part")
    ]
    assert np.array_equal(*found)


def test_the_targets_are_hintons_mixture() -> None:
    """At a temperature of 1 both losses weighed are the loss of the mixed target."""
    from torch.nn.functional import binary_cross_entropy_with_logits as loss

    rng = np.random.default_rng(0)
    labels = (rng.random((9, 4)) < 0.5).astype(np.float32)
    teacher, student = rng.normal(size=(2, 9, 4)).astype(np.float32)
    share = 0.3
    logits, hard = torch.from_numpy(student), torch.from_numpy(labels)
    soft = torch.sigmoid(torch.from_numpy(teacher))
    both = (1 - share) * loss(logits, hard) + share * loss(logits, soft)
    target = torch.from_numpy(mixed(labels, teacher, share))
    assert float(loss(logits, target)) == pytest.approx(float(both), rel=1e-6)


def test_a_picture_that_nobody_could_read_keeps_its_label() -> None:
    labels, odds = np.array([[1.0, 0.0]], np.float32), np.array([[np.nan, 0.0]], np.float32)
    assert mixed(labels, odds, 0.5).tolist() == [[1.0, 0.25]]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('[loss]\nname = "focal"\n', "a loss other than bce"),
        ('[sampling]\nname = "square-root"\n', "a sampling other than all"),
        ('[second_stage]\nepochs = 1\nsampling = { name = "square-root" }\n', "second_stage"),
        ("[distil.nothing]\n", "nothing"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, recipe_text: str, more: str, words: str
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(f"{recipe_text}\n[distil]\n{more}", "utf-8")
    with pytest.raises(RecipeError, match=words):
        load_recipe(path)


def test_nobody_teaches() -> None:
    with pytest.raises(ValueError, match="nobody teaches"):
        Recipe.model_validate(
            {"model": {"backbone": "test_resnet"}, "distil": {"networks": 0, "regression": False}}
        )
