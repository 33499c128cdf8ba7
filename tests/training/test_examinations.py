"""Examinations of several views: the table, the items, the run and its bundle."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.bundles.card import Preprocessing  # noqa: E402
from hilum.datasets.table import load, save  # noqa: E402
from hilum.domain import LabelTable, State  # noqa: E402
from hilum.errors import LabelError, RecipeError, Stopped  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402
from hilum.models.views import SeveralViews  # noqa: E402
from hilum.phantoms import draw_chest  # noqa: E402
from hilum.runtime import Graph  # noqa: E402
from hilum.training import run  # noqa: E402
from hilum.training.examinations import (  # noqa: E402
    Examinations,
    Views,
    column_of_view,
    examinations,
    images_of,
)
from hilum.training.loop import load_best  # noqa: E402
from hilum.training.machine import Machine  # noqa: E402
from hilum.training.material import gather  # noqa: E402
from hilum.training.networks import begin  # noqa: E402
from hilum.training.recipe.augmentation import Augmentation  # noqa: E402
from hilum.training.recipe.recipe import parse_recipe  # noqa: E402
from hilum.training.rows import PLAIN, Item, Labelled, batch_of  # noqa: E402
from hilum.training.run import train  # noqa: E402

pytestmark = pytest.mark.train

A, P, U, N = State.ABSENT, State.PRESENT, State.UNCERTAIN, State.UNMENTIONED
SPEC = Preprocessing(size=(64, 64), value_range=(-1.0, 1.0))
NAMES = ("PA", "lateral")
DRAWN = 96
NO_PA = (3, 8, 16, 25, 33)


def rows_of(*rows):
    """A table of (image, patient, study, view, state of mass)."""
    images, patients, studies, views, states = zip(*rows, strict=True)
    return LabelTable(
        images,
        ("mass",),
        np.array(states, np.uint8)[:, None],
        patients,
        {"study": studies, "view": views},
    )


def joined(table, names=NAMES, **options):
    return examinations(table, names, **({"group": "study", "view": "view"} | options))


def test_examinations_take_one_image_a_view():
    table = rows_of(
        ("z.png", "p1", "s1", "PA", A),
        ("b.png", "p1", "s1", "lateral", P),
        ("a.png", "p1", "s1", "lateral", U),
        ("c.png", "p2", "s2", "lateral", N),
        ("d.png", "p3", "s3", "other", P),
        ("e.png", "p3", "s4", "AP", A),
        ("f.png", "p3", "s4", "PA", N),
    )
    found = joined(table, ("PA|AP", "lateral"))
    assert found.images.tolist() == ["z.png", "c.png", "f.png"]
    assert found.columns[column_of_view("PA|AP")].tolist() == ["z.png", "", "f.png"]
    assert found.columns[column_of_view("lateral")].tolist() == ["a.png", "c.png", ""]
    assert found.patients.tolist() == ["p1", "p2", "p3"]
    assert found.states[:, 0].tolist() == [U, N, N]
    told = " ".join(found.notes)
    assert "3 examinations of 4 images: PA|AP 2, lateral 2." in told
    assert "2 images are left out, as their examination has another" in told
    assert "1 images are left out: of none" in told
    assert "1 examinations lack the view PA|AP" in told
    flat, index = images_of(found, ("PA|AP", "lateral"))
    assert flat.images[index[0]].tolist() == ["z.png", "a.png"]
    assert (index[1, 0], index[2, 1]) == (-1, -1)
    assert flat.images[[index[1, 1], index[2, 0]]].tolist() == ["c.png", "f.png"]


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ((A, P), P), ((U, P), P), ((N, P), P), ((A, U), U), ((N, U), U), ((A, N), A), ((N, N), N),
    ],
)  # fmt: skip
def test_the_state_of_an_examination(states, whole):
    for one, other in (states, states[::-1]):
        table = rows_of(("a", "p", "s", "PA", one), ("b", "p", "s", "lateral", other))
        assert joined(table).states.tolist() == [[whole]]


def test_a_patient_may_be_the_examination():
    table = rows_of(("a", "p", "s", "PA", A), ("b", "p", "t", "lateral", P))
    assert joined(table, group="patient").states.tolist() == [[P]]


GOOD = rows_of(("a", "p", "s", "PA", A), ("b", "p", "s", "lateral", P), ("c", "q", "t", "PA", P))


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (GOOD, {"group": "exam"}, "data.group: the table has no column 'exam'; it has patient, st"),
        (GOOD, {"view": "side"}, "data.view: the table has no column 'side'"),
        (GOOD, {"names": ("PA", "oblique")}, "no image is of the view 'oblique'; .* holds 'PA'"),
        (
            replace(GOOD, patients=["p", "r", "q"]),
            {},
            "1 examinations have images of several patients, those of 'a'",
        ),
        (
            replace(GOOD, columns={**GOOD.columns, "split": ["train", "tune", "train"]}),
            {"agree": ["split"]},
            "several values of 'split', those of 'a'",
        ),
        (
            replace(GOOD, columns={**GOOD.columns, "study": ["s", "s", ""]}),
            {},
            "1 images have nothing in the column 'study': 'c'",
        ),
    ],
)
def test_tables_that_cannot_be_joined(table, options, message):
    with pytest.raises(LabelError, match=message):
        joined(table, **options)


def served(drop=0.0, steps=()):
    pictures = np.random.default_rng(0).integers(0, 256, (5, 64, 64), np.uint8)
    index = np.array([[0, 1, 2], [3, -1, -1], [-1, 4, -1]])
    labelled = Labelled(
        np.zeros((3, 1), np.float32), np.ones((3, 1), np.bool_), np.array(["p", "q", "r"], object)
    )
    policy = Augmentation.model_validate({"steps": list(steps)}).build() if steps else None
    return Examinations(
        Views(pictures, index, ("a", "b", "c"), drop), labelled, np.array([2, 0, 1]),
        spec=SPEC, policy=policy, seed=7,
    )  # fmt: skip


def test_an_item_holds_every_view_and_zeros_for_those_missing():
    rows = served()
    batch = batch_of([rows[PLAIN, at] for at in range(3)]).items
    assert batch.image.shape == (3, 3, 1, 64, 64)
    assert batch.present.tolist() == [
        [False, True, False], [True, True, True], [True, False, False],
    ]  # fmt: skip
    assert not batch.image[~batch.present].any()
    assert batch.row.tolist() == [2, 0, 1]
    grey = rows.views.images[4] / np.float32(255)
    assert np.allclose(batch.image[0, 1, 0], grey * 2 - 1, atol=1e-6)


def test_each_view_is_augmented_by_itself():
    noise = {"do": "gaussian-noise", "sigma_255": 20.0}
    rows = served(steps=[noise])
    rows.views.images[:] = 128
    one, again, later = rows[0, 1], rows[0, 1], rows[1, 1]
    assert torch.equal(one.image, again.image)
    assert not torch.equal(one.image, later.image)
    assert not torch.equal(one.image[0], one.image[1])


def test_views_are_left_out_at_random_but_never_all():
    rows = served(drop=0.5)
    seen = torch.stack([rows[epoch, 1].present for epoch in range(400)])
    assert torch.equal(seen, torch.stack([rows[epoch, 1].present for epoch in range(400)]))
    assert seen.any(1).all()
    # each stays with 1/2, and one of three where all would go
    assert np.allclose(seen.float().mean(0), 0.5 + 0.125 / 3, atol=0.08)
    assert all(rows[epoch, 2].present.tolist() == [True, False, False] for epoch in range(20))
    assert rows[PLAIN, 1].present.all()
    dropped = rows[int((~seen[:, 0]).nonzero()[0]), 1]
    assert not dropped.image[0].any()


def test_a_picture_that_cannot_be_read_loses_its_examination(monkeypatch):
    from hilum.training import rows as module

    def damaged(images, row):
        if row == 2:
            raise OSError
        return images[row]

    monkeypatch.setattr(module, "picture", damaged)
    rows = served()
    assert rows[PLAIN, 1] == 0
    assert isinstance(rows[PLAIN, 0], Item)


RECIPE = {
    "seed": 3,
    "folds": 3,
    "bundle": {"name": "tiny", "summary": "For tests.", "intended_use": "None.",
               "licence": "CC0-1.0"},
    "data": {"name": "drawn", "licence": "CC0-1.0", "table": "labels.csv", "group": "study",
             "view": "view", "findings": ["mass", "nodule"]},
    "model": {"backbone": "test_resnet",
              "views": {"names": ["PA", "lateral"], "drop": 0.3}},
    "input": {"size": [64, 64], "value_range": [-1.0, 1.0]},
    "augmentation": {"steps": [{"do": "exposure", "gamma": 0.0, "contrast": 0.05,
                                "brightness": 0.02}]},
    "optimiser": {"name": "adamw", "lr": 3e-3, "head_lr": 2e-2},
    "fit": {"epochs": 6, "batch": 8, "average": 0.5},
}  # fmt: skip


def recipe(**parts):
    raw = json.loads(json.dumps(RECIPE))
    for name, value in parts.items():
        raw[name] = {**raw.get(name, {}), **value} if isinstance(value, dict) else value
    return parse_recipe(raw, "recipe.toml")


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 drawn chests, some without a frontal view, one in five without a lateral one.

    A bright upper half of the frontal view stands for a mass, a dark side of the lateral for a
    nodule: one cannot be seen in the other. Further views, "left" and "right", are parts of them.
    """
    folder = tmp_path_factory.mktemp("examinations")
    rng = np.random.default_rng(0)
    chests = [(draw_chest(rng, size=(64, 64)).pixels * 200).astype(np.uint8) for _ in range(6)]
    rows = []
    for at in range(DRAWN):
        mass, nodule = rng.random(2) < 0.5
        frontal = chests[at % 6].copy()
        lateral = cv2.resize(np.ascontiguousarray(frontal[:, 12:44].T[::-1]), (64, 64))
        if mass != (at % 11 == 0):  # one in eleven labels is wrong
            frontal[:32] = 255
        if nodule:
            lateral[:, 32:] //= 4
        halves = {"left": frontal[:, :32], "right": frontal[:, 32:]}
        views = {"PA": frontal, "lateral": lateral, **halves}
        if at in NO_PA:
            del views["PA"]
        if at % 5 == 4:
            del views["lateral"]
        for view, grey in views.items():
            name = f"{at}-{view}.png"
            cv2.imwrite(str(folder / name), grey)
            states = [int(mass), int(nodule)]  # of the examination, on each image
            split = ("tune", "test")[at % 2] if at % 6 > 3 else "train"
            rows.append((name, f"p{at}", f"s{at}", view, split, states))
    images, patients, studies, views, splits, states = zip(*rows, strict=True)
    columns = {"study": studies, "side": views, "split": splits,
               "view": [v if v in NAMES else "other" for v in views]}  # fmt: skip
    table = LabelTable(images, ("mass", "nodule"), np.array(states, np.uint8), patients, columns)
    save(table, folder / "labels.csv")
    return folder


def auroc(card, finding, split):
    found = [
        r.value
        for r in card.results
        if (r.metric, r.finding) == ("AUROC", finding) and split(r.split)
    ]
    assert len(found) == 1
    return found[0]


def test_a_run_ends_in_a_bundle_that_reads_the_first_view(tmp_path, collection):
    said = recipe(model={"normalisation": "group"}, fit={"epochs": 6})
    bundle = train(said, data=collection, weights=tmp_path, out=tmp_path / "run")
    card = bundle.card
    assert "this bundle reads the view PA alone, and lateral count as missing" in card.network
    assert card.data[0].images > len(np.load(tmp_path / "run" / "out-of-fold.npz")["rows"])

    out_of_fold = lambda split: "out of fold" in split and "all views" not in split  # noqa: E731
    together = lambda split: "out of fold" in split and "all views" in split  # noqa: E731
    # A nodule can be seen in the lateral view alone, a mass in the frontal one.
    assert auroc(card, "nodule", together) > auroc(card, "nodule", out_of_fold) + 0.08
    assert auroc(card, "mass", out_of_fold) > 0.8
    assert {r.split for r in card.results} >= {"tune", "tune, all views", "test, all views"}

    held = np.load(tmp_path / "run" / "out-of-fold.npz")
    assert not [name for name in held["images"] if "-lateral" in name]
    assert np.isfinite(held["logits_of_all_views"]).all()
    lateral = np.array([(collection / str(n).replace("PA", "lateral")).exists()
                        for n in held["images"]])  # fmt: skip
    same = np.isclose(held["logits"], held["logits_of_all_views"], atol=1e-4).all(1)
    assert (same == ~lateral).all()
    told = json.loads((tmp_path / "run" / "data.json").read_text())["notes"]
    assert any(f"{len(NO_PA)} examinations lack the view PA" in note for note in told)

    network = begin(said, [Task("multi-label", ("mass", "nodule"))], tmp_path).network
    load_best(network, tmp_path / "run" / "final")
    x = torch.rand(4, 2, 1, 64, 64)
    present = torch.tensor([[True, False]] * 4)
    with torch.inference_mode():
        wanted = network.everything(x, present)
        other = network.everything(x * torch.tensor([1.0, 9.0]).view(1, 2, 1, 1, 1), present)
    assert torch.equal(wanted.logits, other.logits)  # what a missing view holds does not matter
    got = Graph.open(bundle)(x[:, 0].numpy())
    assert np.allclose(got.logits, wanted.logits, atol=0.02)  # weights are stored rounded
    assert np.allclose(got.cams, wanted.cams[:, 0], atol=0.05)


def test_four_views_with_stems_of_their_own_go_on_where_they_stopped(
    tmp_path, collection, monkeypatch
):
    said = recipe(
        folds=0,
        data={"view": "side"},
        model={
            "freeze": "conv1",
            "unfreeze": [{"epoch": 2}],
            "views": {"names": ["PA", "lateral", "left", "right"], "stems": "own",
                      "own_upto": "layer1", "join": "concatenate", "drop": 0.2},
        },
        fit={"epochs": 2},
    )  # fmt: skip
    whole = train(said, data=collection, weights=tmp_path, out=tmp_path / "whole")
    steps = 0

    def in_the_second_epoch():
        nonlocal steps
        steps += 1
        return "Enough." if steps == 11 else ""

    options = {"data": collection, "weights": tmp_path, "out": tmp_path / "halting"}
    with pytest.raises(Stopped):
        train(said, **options, stop=in_the_second_epoch)
    monkeypatch.setattr(run, "_finish", lambda *_: None)  # the weights are enough
    train(said, **options)
    first, second = (
        torch.load(tmp_path / name / "final" / "last.ckpt", weights_only=True)["network"]
        for name in ("whole", "halting")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert "stems of their own up to layer1" in whole.card.network
    network = begin(said, [Task("multi-label", ("mass", "nodule"))], tmp_path).network
    before = {n: v.clone() for n, v in network.state_dict().items()}
    load_best(network, tmp_path / "whole" / "final")
    changed = {n for n, v in network.named_parameters() if not torch.equal(v, before[n])}
    for stem in ("backbone", "others.0", "others.2"):  # frozen at first, and each by itself
        assert f"{stem}.net.layer1.0.conv1.weight" in changed
        assert f"{stem}.net.conv1.0.weight" in changed
    assert "missing" in changed
    assert network.others[0].net.layer4 is network.backbone.net.layer4


def test_a_second_stage_trains_the_head_alone(tmp_path, collection):
    stage = {"epochs": 1, "sampling": {"name": "inverse-frequency"}}
    said = recipe(folds=0, fit={"epochs": 2}, second_stage=stage)
    train(said, data=collection, weights=tmp_path, out=tmp_path / "run")
    first, second = (
        torch.load(tmp_path / "run" / "final" / name, weights_only=True)["state_dict"]
        for name in ("best.ckpt", "second/best.ckpt")
    )
    changed = {name for name in first if not torch.equal(first[name], second[name])}
    assert changed
    assert all(name.startswith("network.head.") for name in changed)


def test_a_network_that_never_does_without_a_view_is_told_of(tmp_path, collection):
    table = load(collection / "labels.csv")
    study, view = table.columns["study"], table.columns["view"]
    whole = [s for s in np.unique(study) if {"PA", "lateral"} <= set(view[study == s])]
    folder = tmp_path / "data"
    folder.mkdir()
    save(table.rows(np.flatnonzero(np.isin(study, whole))), folder / "l.csv")
    for picture in collection.glob("*.png"):
        (folder / picture.name).symlink_to(picture)
    said = recipe(
        folds=0,
        data={"table": "l.csv"},
        model={"views": {"names": ["PA", "lateral"]}},
        fit={"epochs": 1},
    )
    (tmp_path / "run").mkdir()
    notes = gather(said, folder, tmp_path / "run", Machine.here()).notes
    assert any("nothing teaches the network to do with the view PA alone" in n for n in notes)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"fit": {"mixup": 0.2}}, "fit.mixup does not go with model.views"),
        ({"data": {"group": "", "view": ""}}, "model.views needs data.group"),
        ({"model": {"views": None}}, "data.group and data.view are for several views"),
        ({"model": {"views": {"names": ["PA", "PA"]}}}, "each view once"),
        ({"model": {"views": {"names": ["PA", "AP|PA"]}}}, "each view once"),
        ({"model": {"views": {"names": list(NAMES), "stems": "own"}}}, "own_upto go together"),
    ],
)
def test_recipes_that_cannot_be(parts, message):
    with pytest.raises(RecipeError, match=message):
        recipe(**parts)


def test_a_part_without_the_first_view_is_refused(tmp_path, collection):
    table = load(collection / "labels.csv")
    gone = (table.columns["view"] == "PA") & (table.columns["split"] == "tune")
    save(table.rows(np.flatnonzero(~gone)), collection / "no-pa-to-tune.csv")
    said = recipe(data={"table": "no-pa-to-tune.csv"})
    with pytest.raises(LabelError, match=r"None of the 12 examinations of tune has .* 'PA'"):
        gather(said, collection, tmp_path, Machine.here())


def test_the_split_is_one_within_an_examination(tmp_path, collection):
    said = recipe(data={"split": "view", "train": "PA", "tune": "lateral"})
    with pytest.raises(LabelError, match="several values of 'view'"):
        gather(said, collection, tmp_path, Machine.here())


def test_two_dense_blocks_and_six_layers_in_the_last():
    """The backbone of the four-image network that S4 leans on, with a stem an image."""
    said = recipe(
        model={
            "backbone": "densenet121",
            "cut": "features.denseblock3.denselayer6",
            "views": {"names": list("abcd"), "stems": "own", "own_upto": "features.pool0"},
        }
    )
    network = begin(said, [Task("binary", ("mass",))], Path()).network
    assert isinstance(network, SeveralViews)
    blocks = network.backbone.net.get_submodule("features")
    count = [
        sum(name.startswith("denselayer") for name, _ in blocks.get_submodule(at).named_children())
        for at in ("denseblock1", "denseblock2", "denseblock3")
    ]
    assert count == [6, 12, 6]
    own = {id(p) for p in network.parameters()}
    alone = {id(p) for p in network.backbone.parameters()} | {
        id(p) for p in network.head.parameters()
    }
    assert len(own - alone) == 3 * 3  # the first convolution and its norm, of three more stems
    with torch.inference_mode():
        x, present = torch.rand(2, 4, 1, 64, 64), torch.ones(2, 4, dtype=torch.bool)
        assert network(x, present).shape == (2, 1)


@pytest.fixture(scope="module")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Radiographs of ChestX-ray14: the first two of a patient stand for two views."""
    with (shared / "radiographs" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == "nih14"]
    of_patient: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        of_patient.setdefault(row["patient_id"], []).append(row)
    pairs = [found[:2] for found in of_patient.values() if len(found) > 1]
    chosen = [row for pair in pairs for row in pair]
    assert len(pairs) > 100
    chosen += [found[0] for found in of_patient.values() if len(found) == 1][:30]
    folder = tmp_path_factory.mktemp("real")
    (folder / "radiographs").symlink_to(shared / "radiographs")
    seen: dict[str, int] = {}
    numbers = []
    for row in chosen:
        seen[row["patient_id"]] = seen.get(row["patient_id"], 0) + 1
        numbers.append(str(seen[row["patient_id"]]))
    findings = ("infiltration", "effusion")
    states = [[int(key.title() in row["findings"].split("|")) for key in findings]
              for row in chosen]  # fmt: skip
    table = LabelTable(
        [f"radiographs/{row['file']}" for row in chosen],
        findings,
        np.array(states, np.uint8),
        [row["patient_id"] for row in chosen],
        {"number": numbers},
    )
    save(table, folder / "labels.csv")
    return folder


@pytest.mark.slow
def test_real_radiographs(tmp_path, real):
    said = recipe(
        folds=0,
        data={"group": "patient", "view": "number", "findings": ["infiltration", "effusion"]},
        model={"views": {"names": ["1", "2"], "drop": 0.3}},
        fit={"epochs": 3},
        watch={"stop": []},
    )
    card = train(said, data=real, weights=tmp_path, out=tmp_path / "run").card
    told = json.loads((tmp_path / "run" / "data.json").read_text())["notes"]
    assert any("examinations of" in note and "2 " in note for note in told)
    both = [r for r in card.results if r.split == "test, all views" and r.metric == "AUROC"]
    alone = [r for r in card.results if r.split == "test" and r.metric == "AUROC"]
    assert [r.images for r in both] == [r.images for r in alone]
    assert float(card.provenance["parity"].split()[4]) <= 1e-4
