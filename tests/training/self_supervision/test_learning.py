"""What the backbone sees before the labels, that it goes on after a stop, and what is refused."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import LabelError, RecipeError, RunError, Stopped  # noqa: E402
from hilum.training import run as running  # noqa: E402
from hilum.training.card import in_words  # noqa: E402
from hilum.training.cross_validation import cross_validate, material_for  # noqa: E402
from hilum.training.estimate import not_counted  # noqa: E402
from hilum.training.held_out import folds_of  # noqa: E402
from hilum.training.machine import Machine  # noqa: E402
from hilum.training.material import Material  # noqa: E402
from hilum.training.networks import begin  # noqa: E402
from hilum.training.plan import Setting, never  # noqa: E402
from hilum.training.progress import Told  # noqa: E402
from hilum.training.recipe import Recipe, load_recipe  # noqa: E402
from hilum.training.self_supervision.learning import FOLDER, learn_from_pictures  # noqa: E402
from hilum.training.under_way import Run  # noqa: E402

pytestmark = pytest.mark.train

Weights = dict[str, Any]


def folds_after_pictures(
    recipe: Recipe, data: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Weights]:
    """Weights of each fold's backbone after it has learnt from pictures."""
    found: list[Weights] = []

    def spied(run: Run, network: Any, *rest: Any) -> None:
        learn_from_pictures(run, network, *rest)
        found.append({k: v.clone() for k, v in network.backbone.state_dict().items()})

    store = out / "store"
    material = material_for(recipe, data, store)
    folds, _ = folds_of(recipe, material.table, material.rows)
    monkeypatch.setattr(running, "learn_from_pictures", spied)
    monkeypatch.setattr(running, "fit_network", lambda *_, **__: None)  # labels are not the matter
    monkeypatch.setattr(running, "folds_of", lambda *_, **__: (folds[:2], ""))
    cross_validate(recipe, material, weights=out, out=out / "run", store=store)
    return found


def equal(one: Weights, other: Weights) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_pictures_of_held_out_patients_never_enter(
    tmp_path: Path, collection: Path, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    material = material_for(recipe, collection, tmp_path / "first")
    folds, _ = folds_of(recipe, material.table, material.rows)
    other = tmp_path / "other"
    shutil.copytree(collection, other)
    for row in folds[0].held:  # what one fold holds out becomes something else altogether
        noise = np.random.default_rng(int(row)).integers(0, 255, (64, 64), np.uint8)
        cv2.imwrite(str(other / str(material.table.images[row])), noise)
    before = folds_after_pictures(recipe, collection, tmp_path / "a", monkeypatch)
    after = folds_after_pictures(recipe, other, tmp_path / "b", monkeypatch)
    same = [equal(one, two) for one, two in zip(before, after, strict=True)]
    assert same == [True, False]
    begun = begin(recipe, material.tasks, tmp_path).network
    assert not equal(dict(begun.backbone.state_dict()), before[0])  # something was learnt


def of_run(
    recipe: Recipe, collection: Path, out: Path, stop: Callable[[], str] = never
) -> tuple[Run, Material]:
    material = material_for(recipe, collection, out / "store")
    setting = Setting(Machine.here(arithmetic="float32"), Told(["final"], 1), stop)
    return Run(recipe, out, out, out, setting, material, page=False), material


def learnt(run: Run, material: Material) -> Weights:
    network = begin(run.recipe, material.tasks, run.weights).network
    rows = material.served(run.recipe, material.rows, run.recipe.augmentation.build())
    learn_from_pictures(run, network, rows, run.out / "final")  # type: ignore[arg-type]
    return dict(network.backbone.state_dict())


def test_it_goes_on_where_it_was_stopped(tmp_path: Path, collection: Path, recipe: Recipe) -> None:
    whole = learnt(*of_run(recipe, collection, tmp_path / "whole"))
    for steps in (1, 5):  # in the first epoch, and from there in the second
        asked = iter(range(1 if steps == 1 else 2, 100))
        run, material = of_run(
            recipe,
            collection,
            tmp_path / "part",
            lambda a=asked, s=steps: "Enough." * (next(a) == s),
        )
        with pytest.raises(Stopped, match=f"from step {steps}"):
            learnt(run, material)
    run, material = of_run(recipe, collection, tmp_path / "part")
    assert equal(learnt(run, material), whole)
    assert equal(learnt(run, material), whole)  # done: loaded
    lines = (run.out / "final" / FOLDER / "epochs.jsonl").read_text("utf-8").splitlines()
    told = [json.loads(line)["tune"] for line in lines]
    assert len(told) == 2
    assert all(one["embedding_spread"]["mean"] > 0 for one in told)
    assert all(1 < one["embedding_rank"]["mean"] <= 16 for one in told)


def without_variance(recipe: Recipe, **watch: Any) -> Recipe:
    part = recipe.self_supervision
    assert part is not None
    changed = {"variance": 0.0, "covariance": 0.0, "epochs": 8}
    rates = {"optimiser": part.optimiser.model_copy(update={"lr": 1e-2, "head_lr": 1e-2})}
    return recipe.model_copy(
        update={
            "self_supervision": part.model_copy(update=changed | rates),
            "watch": recipe.watch.model_copy(update=watch),
        }
    )


@pytest.mark.parametrize("recipe", ["remembered"], indirect=True)
def test_a_collapse_is_named_and_ends_the_run(
    tmp_path: Path, collection: Path, recipe: Recipe
) -> None:
    alone = without_variance(recipe, stop=("outputs-alike",))
    run, material = of_run(alone, collection, tmp_path)
    with pytest.raises(RunError, match=r"collapsed: Embeddings of 60 training pictures spread by"):
        learnt(run, material)
    lines = (run.out / "final" / FOLDER / "epochs.jsonl").read_text("utf-8").splitlines()
    assert [c["code"] for c in json.loads(lines[-1])["concerns"]] == ["collapsed"]


@pytest.mark.parametrize("recipe", ["remembered"], indirect=True)
def test_the_variance_keeps_it_from_collapsing(
    tmp_path: Path, collection: Path, recipe: Recipe
) -> None:
    alone = without_variance(recipe, stop=("outputs-alike",))
    part = alone.self_supervision
    assert part is not None
    kept = part.model_copy(update={"variance": 25.0, "covariance": 1.0, "epochs": 4})
    learnt(*of_run(alone.model_copy(update={"self_supervision": kept}), collection, tmp_path))


OTHERS = """
[[self_supervision.others]]
table = "labels.csv"
image = "file"
patient = "patient"
where = { part = "PART" }
name = "other chests"
licence = "CC0-1.0"
"""


def with_others(tmp_path: Path, text: str, part: str) -> Recipe:
    path = tmp_path / "with-others.toml"
    block = "[self_supervision]\nepochs = 1\nbatch = 16\nwidth = 16\n"
    text = text.replace("[data]", '[data]\nwhere = { use = "yes" }')
    path.write_text(text + block + OTHERS.replace("PART", part), encoding="utf-8")
    return load_recipe(path)


@pytest.fixture
def two_sources(tmp_path: Path, collection: Path) -> Path:
    """The drawn chests, where those of the part "other" belong to another collection."""
    folder = tmp_path / "two"
    shutil.copytree(collection, folder)
    with (folder / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "labels.csv").open("w", newline="") as file:
        out = csv.DictWriter(file, [*rows[0], "use"])
        out.writeheader()
        for row in rows:
            out.writerow(row | {"use": "no" if row["part"] == "other" else "yes"})
    return folder


def test_pictures_of_others_are_looked_at(
    tmp_path: Path, two_sources: Path, frozen_recipe_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = frozen_recipe_text.replace("epochs = 12", "epochs = 1")
    recipe = with_others(tmp_path, text, "other")
    material = material_for(recipe, two_sources, tmp_path / "store")
    folds, _ = folds_of(recipe, material.table, material.rows)
    monkeypatch.setattr(running, "folds_of", lambda *_, **__: (folds[:1], ""))
    monkeypatch.setattr(running, "fit_network", lambda *_, **__: None)
    store, out = tmp_path / "store", tmp_path / "run"
    cross_validate(recipe, material, weights=tmp_path, out=out, store=store)
    lines = (out / "fold-0" / FOLDER / "epochs.jsonl").read_text("utf-8").splitlines()
    assert json.loads(lines[-1])["step"] == (len(folds[0].train) + 12) // 16
    words = in_words(recipe, begin(recipe, material.tasks, tmp_path).network, ())
    assert "the backbone learnt from the same radiographs without their labels" in words
    assert "those of other chests (CC0-1.0)" in words


def test_others_whose_patients_are_judged_are_refused(
    tmp_path: Path, two_sources: Path, recipe_text: str
) -> None:
    recipe = with_others(tmp_path, recipe_text, "tune")
    with pytest.raises(LabelError, match="12 of its 12 patients"):
        material_for(recipe, two_sources, tmp_path / "store")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("{freeze}", "all"), 'model.freeze = "all"'),
        (('do = "warp"', 'do = "nothing"'), "does nothing"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    from tests.training.conftest import RECIPE

    text = RECIPE.split("[[augmentation.steps]]")
    text = f"{text[0]}[[augmentation.steps]]{text[1]}[optimiser]{RECIPE.split('[optimiser]')[1]}"
    text = text.replace(*change).replace("{freeze}", "").replace("{batch_norm}", "train")
    text = text.replace("{views}", "0").replace("{epochs}", "1")
    path = tmp_path / "recipe.toml"
    path.write_text(f"{text}[self_supervision]\n".replace("{{", "{").replace("}}", "}"), "utf-8")
    with pytest.raises(RecipeError, match="self_supervision does not go with") as error:
        load_recipe(path)
    assert words in str(error.value)


@pytest.mark.parametrize("recipe", ["remembered"], indirect=True)
def test_what_it_takes_is_told(recipe: Recipe) -> None:
    assert "self_supervision: about 4.0 times" in not_counted(recipe)  # 2 epochs of two views; 1
    assert not not_counted(recipe.model_copy(update={"self_supervision": None}))


@pytest.mark.parametrize("recipe", ["remembered"], indirect=True)
def test_a_backbone_that_is_wholly_frozen_is_refused(
    tmp_path: Path, collection: Path, recipe: Recipe
) -> None:
    model = recipe.model.model_copy(update={"freeze": "layer4", "batch_norm": "frozen"})
    frozen = recipe.model_copy(update={"model": model})
    material = material_for(frozen, collection, tmp_path)
    with pytest.raises(RecipeError, match="nothing of the backbone"):
        begin(frozen, material.tasks, tmp_path)
