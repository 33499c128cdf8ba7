"""Every option of every lever trains: a few steps, on drawn chests, and on radiographs."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from torch import Tensor  # noqa: E402

from hilum.domain import Split  # noqa: E402
from hilum.errors import RecipeError  # noqa: E402
from hilum.models.backbones import freeze  # noqa: E402
from hilum.models.network import Network  # noqa: E402
from hilum.models.tasks import EXCLUSIVE  # noqa: E402
from hilum.phantoms import draw_chest  # noqa: E402
from hilum.training.loop import fit_network  # noqa: E402
from hilum.training.machine import Machine, arithmetic  # noqa: E402
from hilum.training.material import Material, labels_and_tasks, material_of  # noqa: E402
from hilum.training.metrics import METRICS  # noqa: E402
from hilum.training.networks import begin, plan_of, second_plan, with_backbone  # noqa: E402
from hilum.training.plan import Plan, Setting  # noqa: E402
from hilum.training.progress import Told  # noqa: E402
from hilum.training.recipe.augmentation import Augmentation  # noqa: E402
from hilum.training.recipe.fit import Fit  # noqa: E402
from hilum.training.recipe.loss import AnyLoss  # noqa: E402
from hilum.training.recipe.model import Model  # noqa: E402
from hilum.training.recipe.optimiser import AnyOptimiser  # noqa: E402
from hilum.training.recipe.part import Part  # noqa: E402
from hilum.training.recipe.recipe import Recipe, parse_recipe  # noqa: E402
from hilum.training.recipe.sampling import Sampling  # noqa: E402
from hilum.training.recipe.schedule import AnySchedule  # noqa: E402
from hilum.training.recipe.task import Task  # noqa: E402

pytestmark = pytest.mark.train

CLASSES = ("normal", "pneumonia", "covid_19")
"""Of rows 12 to 23, each of which has one; a source without them fills rows 0 to 11."""

FINDINGS = ("mass", "effusion")
"""Of rows 0 to 11; of the others nothing is known."""

SIDE = 64

BASE: dict[str, Any] = {
    "folds": 0,
    "bundle": {"name": "levers"},
    "data": {
        "table": "labels.csv", "image": "image", "patient": "image", "stratum": "source",
        "findings": ["mass", "effusion", "pneumonia"],
    },
    "model": {"backbone": "test_resnet"},
    "input": {"size": [SIDE, SIDE]},
    "augmentation": {"steps": [{"do": "warp"}]},
    "optimiser": {"name": "adamw", "lr": 1e-3},
    "fit": {"epochs": 2, "batch": 8, "average": 0.0, "precision": "float32", "compile": False},
    "watch": {"stop": []},
}  # fmt: skip
"""What all lines of the table have unless they say otherwise."""

CELLS = {"task": [{"kind": "multi-label"}]}
ONE_OF = {"task": [{"kind": "one-of", "findings": list(CLASSES)}]}
ORDINAL = {"task": [{"kind": "ordinal", "findings": list(CLASSES)}]}
BINARY = {"task": [{"kind": "binary", "findings": ["covid_19"]}]}
SEVERAL = {
    "task": [
        {"kind": "multi-label", "findings": list(FINDINGS), "weight": 2.0},
        {"kind": "one-of", "findings": list(CLASSES), "loss": {"name": "focal"}},
    ]
}
SHARES = {"mass": 0.25, "effusion": 0.25}


def _line(**said: Any) -> dict[str, Any]:
    return said


LEVERS: dict[str, dict[str, Any]] = {
    "task multi-label": CELLS,
    "task binary": BINARY,
    "task one-of": ONE_OF,
    "task ordinal": ORDINAL,
    "tasks several": SEVERAL,
    "loss bce smoothed": CELLS | _line(loss={"name": "bce", "smoothing": 0.1}),
    "loss weighted-bce": CELLS | _line(loss={"name": "weighted-bce", "limit": 5.0}),
    "loss weighted-bce by frequency": CELLS
    | _line(loss={"name": "weighted-bce", "weights": "inverse-frequency"}),
    "loss weighted-bce by hand": CELLS
    | _line(loss={"name": "weighted-bce", "weights": [1.0, 2.0, 3.0]}),
    "loss focal": CELLS | _line(loss={"name": "focal", "alpha": 0.25}),
    "loss asymmetric": CELLS | _line(loss={"name": "asymmetric"}),
    "loss class-balanced": CELLS | _line(loss={"name": "class-balanced", "beta": 0.9}),
    "loss class-balanced around focal": ONE_OF
    | _line(loss={"name": "class-balanced", "around": "focal"}),
    "loss auroc-margin": CELLS
    | _line(loss={"name": "auroc-margin"}, sampling={"name": "all", "spread": "mass"}),
    "loss mse": CELLS | _line(loss={"name": "mse"}),
    "loss mae one-of": ONE_OF | _line(loss={"name": "mae"}),
    "loss cross-entropy balanced": ONE_OF
    | _line(loss={"name": "cross-entropy", "weights": "balanced", "smoothing": 0.1}),
    "loss ldam then re-weighted": ONE_OF | _line(loss={"name": "ldam", "reweight_after": 0.5}),
    "loss cumulative-bce smoothed": ORDINAL
    | _line(loss={"name": "cumulative-bce", "smoothing": 0.1}),
    "optimiser sgd": _line(optimiser={"name": "sgd", "lr": 1e-2}),
    "optimiser sgd plain": _line(optimiser={"name": "sgd", "momentum": 0.0, "nesterov": False}),
    "optimiser adam": _line(optimiser={"name": "adam", "lr": 1e-3, "weight_decay": 1e-4}),
    "optimiser adamw decays all": _line(optimiser={"name": "adamw", "decay_all": True}),
    "layer_decay": _line(model={"backbone": "test_vit"}, optimiser={"layer_decay": 0.5}),
    "schedule constant": _line(schedule={"name": "constant"}),
    "schedule cosine": _line(schedule={"name": "cosine", "warm_up_epochs": 0.5}),
    "schedule step": _line(schedule={"name": "step", "at": [1]}),
    "schedule one-cycle": _line(schedule={"name": "one-cycle"}),
    "schedule plateau": _line(
        schedule={"name": "plateau", "patience": 0, "least": 10.0}, fit={"epochs": 3}
    ),
    "sampling all": _line(sampling={"name": "all", "spread": "effusion"}),
    "sampling proportional": _line(
        sampling={"name": "proportional", "number": 12, "shares": SHARES}
    ),
    "sampling inverse-frequency": _line(sampling={"name": "inverse-frequency", "rule": "mean"}),
    "sampling square-root": _line(sampling={"name": "square-root", "number": 24}),
    "sampling balanced once": ONE_OF | _line(sampling={"name": "balanced", "draw": "once"}),
    "sampling balanced each-epoch": ONE_OF
    | _line(sampling={"name": "balanced", "draw": "each-epoch", "cap": 2}),
    "second stage, new head": _line(second_stage={"epochs": 1, "reset_head": True}),
    "second stage, same head": _line(
        second_stage={"epochs": 1, "reset_head": False, "sampling": {"name": "balanced"}}
    ),
    "head attention": _line(model={"head": "attention"}),
    "head concat-pool": _line(model={"head": "concat-pool"}),
    "dropout": _line(model={"dropout": 0.5}),
    "drop_path": _line(model={"backbone": "test_convnext", "drop_path": 0.3}),
    "normalisation batch": _line(model={"backbone": "test_convnext", "normalisation": "batch"}),
    "normalisation group": _line(model={"normalisation": "group"}),
    "normalisation instance": _line(model={"normalisation": "instance"}),
    "normalisation layer": _line(model={"normalisation": "layer"}),
    "normalisation none": _line(model={"normalisation": "none"}),
    "cut at a stage": _line(model={"cut": "layer2"}),
    "cut inside a block": _line(model={"backbone": "test_vit", "cut": "blocks.2.mlp"}),
    "freeze": _line(model={"freeze": "layer2"}),
    "freeze a transformer": _line(model={"backbone": "test_vit", "freeze": "blocks.3"}),
    "freeze all": _line(model={"freeze": "all", "head": "concat-pool"}),
    "unfreeze": _line(model={"freeze": "layer3", "unfreeze": [{"epoch": 2, "upto": "layer1"}]}),
    "unfreeze all": _line(model={"freeze": "all", "unfreeze": [{"epoch": 2}]}),
    "batch_norm frozen": _line(model={"batch_norm": "frozen"}),
    "batch_norm train": _line(model={"batch_norm": "train"}),
    "batch_norm reestimated": _line(model={"batch_norm": "reestimated"}),
    "mixup": _line(fit={"mixup": 0.4}),
    "mixup of classes": ONE_OF | _line(fit={"mixup": 1.0}),
    "average": _line(fit={"average": 0.5}),
    "clip": _line(fit={"clip": 0.01}),
    "patience": _line(fit={"epochs": 6, "patience": 1}),
    "keep_every": _line(fit={"keep_every": 1}),
    "precision bfloat16": _line(fit={"precision": "bfloat16"}),
    "precision auto": _line(fit={"precision": "auto"}),
    "policy some-of": _line(
        augmentation={
            "policy": "some-of", "some": [1, 2], "order": "random",
            "steps": [{"do": "rotate"}, {"do": "gamma"}, {"do": "gaussian-noise"}],
        }
    ),
    "policy one-of": _line(
        augmentation={"policy": "one-of", "steps": [{"do": "cutout"}, {"do": "sharpen"}]}
    ),
    "policy sometimes": _line(
        augmentation={"policy": "sometimes", "chance": 0.5, "steps": [{"do": "clahe"}]}
    ),
    **{f"best {metric}": _line(fit={"best": metric}) for metric in [*METRICS, "loss"]},
    "best last": _line(fit={"best": "last"}, folds=3),
    "adjusted for strata": _line(data={"adjust_for_stratum": True}),
    "best of a finding": _line(fit={"best": "average-precision:mass"}),
}  # fmt: skip
"""A line an option: what the recipe says beside :data:`BASE`."""


def recipe_of(said: dict[str, Any]) -> Recipe:
    """The recipe of a line; tables are joined with those of the base."""
    whole = BASE | {"task": [{"kind": "multi-label"}]}
    for name, value in said.items():
        base = whole.get(name)
        joins = isinstance(base, dict) and not {"name", "policy"} & set(value)
        whole = whole | {name: base | value if joins else value}
    return parse_recipe(whole, "levers")


@dataclass
class Place:
    """Where lines train.

    Attributes:
        folder: of pictures and labels; decoded pictures are kept in it.
        machines: one for each arithmetic.
    """

    folder: Path
    machines: dict[str, Machine] = field(default_factory=dict)

    def machine(self, recipe: Recipe) -> Machine:
        said = arithmetic(recipe.fit.precision, mostly_frozen=False)
        if said not in self.machines:
            self.machines[said] = Machine.here(arithmetic=said)
        return self.machines[said]

    def material(self, recipe: Recipe) -> Material:
        """Of three groups of three rows each, one tunes; both sources are in both parts."""
        table, tasks = labels_and_tasks(recipe, self.folder)
        tune = np.arange(len(table)) // 3 % 4 == 2
        parts = {"train": np.flatnonzero(~tune), "tune": np.flatnonzero(tune)}
        cache = self.folder / f"pack-{'-'.join(table.findings)}"
        return material_of(recipe, table, tasks, self.folder, cache, Split.of(table, parts))


def labels(at: int) -> list[str]:
    """What a row shows: two findings by turns, or one of the classes."""
    if at >= 12:
        return [CLASSES[at % 3]]
    return [key for key, every in zip(FINDINGS, (2, 3), strict=True) if at % every == 0]


def write_table(folder: Path, names: list[str]) -> None:
    with (folder / "labels.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["image", "source", *FINDINGS, *CLASSES])
        for at, name in enumerate(names):
            known = FINDINGS if at < 12 else CLASSES
            cells = [str(int(k in labels(at))) if k in known else "" for k in (*FINDINGS, *CLASSES)]
            out.writerow([name, "ab"[at % 2], *cells])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """24 drawn chests; each label leaves a mark of its own."""
    folder = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(0)
    chests = [draw_chest(rng, size=(SIDE, SIDE)).pixels for _ in range(4)]
    for at in range(24):
        grey = (chests[at % 4] * 200).astype(np.uint8)
        for key in labels(at):
            row, column = divmod((*FINDINGS, *CLASSES).index(key), 3)
            grey[24 * row : 24 * row + 20, 20 * column : 20 * column + 20] = 255
        cv2.imwrite(str(folder / f"{at}.png"), grey)
    write_table(folder, [f"{at}.png" for at in range(24)])
    return Place(folder)


@pytest.fixture(scope="module")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """24 radiographs: masses and effusions, and children and COVID-19 of two other sources."""
    folder = tmp_path_factory.mktemp("real")
    with (shared / "radiographs" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [_found(rows, at) for at in range(24)]
    write_table(folder, names)
    for source in ("nih14", "paediatric", "ieee8023"):
        (folder / source).symlink_to(shared / "radiographs" / source, target_is_directory=True)
    return Place(folder)


def _found(rows: list[dict[str, str]], at: int) -> str:
    """The next radiograph that shows what a row of the table does; it is taken out of the rows."""
    asked = {
        "normal": ("paediatric", "Normal"),
        "pneumonia": ("paediatric", "Pneumonia (bacterial)"),
        "covid_19": ("ieee8023", "COVID-19"),
    }

    def shows(row: dict[str, str]) -> bool:
        if at >= 12:
            return (row["source"], row["findings"]) == asked[CLASSES[at % 3]]
        said = row["findings"].split("|")
        both = [key for key in FINDINGS if key.capitalize() in said]
        return row["source"] == "nih14" and both == labels(at)

    place = next(at for at, row in enumerate(rows) if shows(row))
    return rows.pop(place)["file"]


def trains(place: Place, recipe: Recipe, folder: Path) -> None:
    """Train as the recipe says, and see that every lever did what it is for."""
    material = place.material(recipe)
    begun = begin(recipe, material.tasks, folder)
    network = begun.network
    assert isinstance(network, Network)
    train, tune = (material.split.parts[part] for part in ("train", "tune"))
    rows = (
        material.served(recipe, train, recipe.augmentation.build()),
        material.served(recipe, tune),
    )
    plan = plan_of(recipe, material, train)
    setting = Setting(place.machine(recipe), Told(["levers"], 1, quiet=True))
    before = bytes_of(network.state_dict())
    frozen = still_frozen(network, recipe.model)
    fit_network(network, rows, plan, setting, folder=folder)
    check_journal(folder, plan)
    # The best may be of an epoch before anything thawed; the last is of the end.
    last = torch.load(folder / "last.ckpt", weights_only=True)["network"]
    check_weights(before, bytes_of(last), frozen, recipe.model)
    if recipe.second_stage is not None:
        check_second_stage(
            network, rows, second_plan(recipe, plan), setting, folder / "second",
            new_head=recipe.second_stage.reset_head,
        )  # fmt: skip
    check_outputs(network, torch.rand(2, 1, SIDE, SIDE))


def bytes_of(state: dict[str, Tensor]) -> dict[str, bytes]:
    """Every tensor of a network, byte for byte."""
    return {name: value.detach().cpu().numpy().tobytes() for name, value in state.items()}


def still_frozen(network: Network, model: Model) -> set[str]:
    """Names of parameters that no epoch may change."""
    frozen = {n for n, p in network.named_parameters() if not p.requires_grad}
    assert bool(frozen) == bool(model.freeze)
    if model.unfreeze:
        last = freeze(network.backbone, model.unfreeze[-1].upto)
        freeze(network.backbone, model.freeze)
        frozen &= {f"backbone.net.{name}" for name in last}
    return frozen


def check_journal(folder: Path, plan: Plan) -> None:
    """Losses and rates are numbers, and epochs are as many as they should be."""
    lines = [json.loads(line) for line in (folder / "epochs.jsonl").read_text().splitlines()]
    numbers = [line[key] for line in lines for key in ("train_loss", "tune_loss", "lr")]
    assert all(isinstance(n, float) and np.isfinite(n) for n in numbers), lines
    assert any(line["best"] for line in lines)
    waited = 0
    for at, line in enumerate(lines):
        waited = 0 if line["best"] else waited + 1
        ends = at + 1 == plan.fit.epochs or (plan.fit.patience and waited == plan.fit.patience)
        assert ends == (at + 1 == len(lines)), lines
    if plan.schedule.name == "plateau":  # nothing is better by ten
        assert lines[-1]["lr"] < lines[0]["lr"]
    if plan.schedule.name == "step":
        assert lines[-1]["lr"] == pytest.approx(plan.optimiser.lr * plan.schedule.factor)


def check_weights(
    before: dict[str, bytes], after: dict[str, bytes], frozen: set[str], model: Model
) -> None:
    """What is frozen is the same to the last byte; what learns is not."""
    changed = {name for name in before if before[name] != after[name]}
    assert not changed & frozen
    assert any(name.startswith("head.") for name in changed)
    if model.freeze != "all" or model.unfreeze:
        assert any(name.startswith("backbone.net.") for name in changed)
    statistics = {name for name in before if name.endswith(("running_mean", "running_var"))}
    own = {name for name in statistics if name.startswith("backbone.")}
    if model.batch_norm == "frozen" or (model.freeze == "all" and not model.unfreeze):
        assert not changed & own
    elif not model.freeze:
        assert own <= changed


def check_second_stage(
    network: Network, rows: Any, plan: Plan, setting: Setting, folder: Path, *, new_head: bool
) -> None:
    """The head changes, and nothing else."""
    before = bytes_of(network.state_dict())
    freeze(network.backbone, "all")
    folder.mkdir()
    fit_network(network, rows, plan, setting, folder=folder, new_head=new_head)
    check_journal(folder, plan)
    after = bytes_of(network.state_dict())
    changed = {name for name in before if before[name] != after[name]}
    assert changed
    assert all(name.startswith("head.") for name in changed)


def check_outputs(network: Network, images: Tensor) -> None:
    """One number an output, one log-odds a finding; what exclude each other sum to one."""
    with torch.no_grad():
        raw, odds = network(images), network.everything(images).logits
    assert raw.shape == (len(images), sum(task.outputs for task in network.tasks))
    assert odds.shape == (len(images), len(network.findings))
    assert torch.isfinite(odds).all()
    at = 0
    for task in network.tasks:
        part = torch.sigmoid(odds[:, at : at + len(task.findings)])
        at += len(task.findings)
        if task.kind in EXCLUSIVE:
            assert torch.allclose(part.sum(1), torch.ones(len(images)), atol=1e-5)


@pytest.mark.parametrize("lever", LEVERS)
def test_a_lever_on_drawn_chests(drawn: Place, tmp_path: Path, lever: str) -> None:
    trains(drawn, recipe_of(LEVERS[lever]), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("lever", LEVERS)
def test_a_lever_on_radiographs(real: Place, tmp_path: Path, lever: str) -> None:
    trains(real, recipe_of(LEVERS[lever]), tmp_path)


def test_weights_of_another_run(drawn: Place, tmp_path: Path) -> None:
    first, then = tmp_path / "first", tmp_path / "then"
    first.mkdir()
    then.mkdir()
    trains(drawn, recipe_of({}), first)
    model = {"weights": f"run:{first / 'best.ckpt'}", "weights_licence": "CC0-1.0",
             "weights_origin": "drawn chests", "freeze": "layer2"}  # fmt: skip
    recipe = recipe_of({"model": model})
    begun = begin(recipe, drawn.material(recipe).tasks, tmp_path)
    learnt = torch.load(first / "best.ckpt", weights_only=True)["state_dict"]
    for name, value in begun.network.backbone.state_dict().items():
        assert torch.equal(value, learnt[f"network.backbone.{name}"])
    trains(drawn, recipe, then)


def test_a_backbone_that_cannot_be_cut_there_says_where_it_can(drawn: Place) -> None:
    recipe = recipe_of({"model": {"cut": "layer9"}})
    with pytest.raises(RecipeError, match=r"layer9.*layer[1-4]"):
        begin(recipe, drawn.material(recipe).tasks, drawn.folder)


def test_no_finding_is_what_no_other_class_is(tmp_path: Path) -> None:
    for name in ("non/1.png", "non/2.png", "covid/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    recipe = recipe_of(
        {
            "data": {"table": "", "image": "", "patient": "", "stratum": "", "findings": [],
                     "classes": {"covid": "death", "non": "no_finding"}},
            "task": [{"kind": "one-of", "findings": ["no_finding", "death"]}],
        }
    )  # fmt: skip
    table, _ = labels_and_tasks(recipe, tmp_path)
    assert table.images.tolist() == ["covid/3.png", "non/1.png", "non/2.png"]
    assert table.findings == ("no_finding", "death")
    assert table.states.tolist() == [[0, 1], [1, 0], [1, 0]]


def test_a_network_of_no_name_has_that_of_its_bundle() -> None:
    recipe = parse_recipe({"model": {"weights": "bundle:chest14"}}, "r")
    assert with_backbone(recipe).model.backbone == "mobilenet_edgetpu_100"
    named = recipe_of({})
    assert with_backbone(named) is named


def test_no_option_is_without_a_line() -> None:
    recipes = [recipe_of(said) for said in LEVERS.values()]
    losses = [task.loss or recipe.loss for recipe in recipes for task in recipe.task]
    met = {
        "loss": {loss.name for loss in losses if loss},
        "optimiser": {recipe.optimiser.name for recipe in recipes},
        "schedule": {recipe.schedule.name for recipe in recipes},
        "sampling": {recipe.sampling.name for recipe in recipes},
        "policy": {recipe.augmentation.policy for recipe in recipes},
        "kind": {task.kind for recipe in recipes for task in recipe.task},
        "metric": {recipe.fit.best.partition(":")[0] for recipe in recipes},
        "precision": {recipe.fit.precision for recipe in recipes},
        **{key: {getattr(r.model, key) for r in recipes}
           for key in ("head", "normalisation", "batch_norm")},
    }  # fmt: skip
    there = {
        # masks have tests of their own, in tests/training/segmentation
        "loss": named(AnyLoss) - {"dice-bce"},
        "optimiser": named(AnyOptimiser),
        "schedule": named(AnySchedule),
        "sampling": named(get_args(Sampling)[0]),
        "policy": options(Augmentation, "policy"),
        "kind": options(Task, "kind") - {"segmentation", "detection"},  # likewise
        "metric": {*METRICS, "loss", "last"},
        "precision": options(Fit, "precision"),
        **{key: options(Model, key) for key in ("head", "normalisation", "batch_norm")},
    }
    plain = {"bce", "cross-entropy", "cumulative-bce"}  # of the lines that name no loss
    met["loss"] |= plain
    assert met == there


def named(union: Any) -> set[str]:
    """Names of the kinds that a part of a recipe may be."""
    return {part.model_fields["name"].default for part in get_args(union)}


def options(part: type[Part], key: str) -> set[Any]:
    """What a key of a part may be."""
    return set(get_args(part.model_fields[key].annotation))
