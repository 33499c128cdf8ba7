"""Several runs as one bundle, measured on what no member has seen."""

from __future__ import annotations

import csv
import io
import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

import onnx  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from hilum.bundles import Bundle, Card, load  # noqa: E402
from hilum.cli import main  # noqa: E402
from hilum.datasets.pack import Pack  # noqa: E402
from hilum.domain import Split  # noqa: E402
from hilum.errors import RunError  # noqa: E402
from hilum.evaluation import auroc  # noqa: E402
from hilum.export import graph  # noqa: E402
from hilum.models.classifier import Classifier  # noqa: E402
from hilum.models.network import build_network  # noqa: E402
from hilum.models.tasks import Task  # noqa: E402
from hilum.runtime import Graph  # noqa: E402
from hilum.training import run as running  # noqa: E402
from hilum.training.ensemble import How, Told, judge, make, make_ensemble, members  # noqa: E402
from hilum.training.ensemble.members import network_of, read_member  # noqa: E402
from hilum.training.recipe import load_recipe  # noqa: E402
from tests.training.conftest import RECIPE  # noqa: E402

pytestmark = pytest.mark.train

START = """backbone = "test_resnet"
weights = "start.safetensors"
weights_licence = "CC0-1.0"
weights_origin = "drawn by chance"
"""


def quickly(
    module: torch.nn.Module, size: tuple[int, int], source: str, outputs: list[str], operators: None
) -> onnx.ModelProto:
    """Export by torch's older exporter, in a tenth of the time."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated
        torch.onnx.export(
            module,
            (torch.zeros(2, 1, *size),),
            buffer,
            input_names=[source],
            output_names=outputs,
            dynamic_axes={name: {0: "batch"} for name in (source, *outputs)},
            dynamo=False,
        )
    return onnx.load_from_string(buffer.getvalue())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, collection: Path) -> Path:
    """Two runs of both findings from one start, seeds 3 and 4, and one run a finding."""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    drawn = build_network(backbone="test_resnet", tasks=[Task("binary", ("mass",))])
    save_file(drawn.backbone.net.state_dict(), folder / "start.safetensors")
    text = RECIPE.format(freeze="", batch_norm="train", views=0, epochs=1)
    text = text[: text.index("[gate]")].replace('backbone = "test_resnet"\n', START)
    text = text.replace('tune = "tune"', 'tune = "tune"\ntest = "other"')
    single = text.replace("folds = 3", "folds = 0")
    both = '["mass", "nodule"]'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "write_run_page", lambda *_, **__: None)
        patch.setattr(graph, "_exported", quickly)
        for name, said, seed in (
            ("a", text, 3),
            ("b", text, 4),
            ("mass", single.replace(both, '["mass"]'), 3),
            ("nodule", single.replace(both, '["nodule"]'), 3),
        ):
            path = folder / f"{name}.toml"
            path.write_text(said, encoding="utf-8")
            recipe = load_recipe(path).model_copy(update={"seed": seed})
            running.train(recipe, data=collection, weights=folder, out=folder / name)
    (folder / "start.safetensors").unlink()  # a run's folder holds all that is needed
    return folder


def pictures(many: int = 3) -> np.ndarray:
    return np.random.default_rng(5).uniform(-1, 1, (many, 1, 64, 64)).astype(np.float32)


def odds(bundle: Bundle) -> np.ndarray:
    return Graph.open(bundle)(pictures()).logits


def given(network: Classifier) -> np.ndarray:
    with torch.inference_mode():
        return network.everything(torch.from_numpy(pictures())).logits.numpy()


@pytest.fixture
def exported(runs: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Classifier, Card]]:
    """What would have been written as a bundle; writing takes seconds."""
    kept: list[tuple[Classifier, Card]] = []

    def keep(network: Classifier, card: Card, *_: object) -> Bundle:
        kept.append((network, card))
        return load(runs / "a" / "tiny")

    monkeypatch.setattr(make, "export_bundle", keep)
    return kept


def value(card: Card, metric: str, split: str, finding: str | None = None) -> float:
    (row,) = [
        r
        for r in card.results
        if (r.metric, r.finding) == (metric, finding) and r.split.startswith(split)
    ]
    assert row.value is not None
    return row.value


def mean_auroc(targets: np.ndarray, scores: np.ndarray) -> float:
    each = [auroc(targets[:, at], scores[:, at]).value for at in range(targets.shape[1])]
    return float(np.mean([one for one in each if one is not None]))


def test_the_mean_of_two_runs(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "both.hilum"
    said = ["ensemble", runs / "a", runs / "b", "-o", out, "--name", "both", "--version", "1.2.3"]
    with pytest.raises(SystemExit) as end:
        main([str(part) for part in said])
    told = capsys.readouterr()
    assert end.value.code == 0, told.err
    size = out.stat().st_size
    assert f"Bundle: {out}, {size / 1e6:.1f} MB (alone: a " in told.out
    made = load(out)
    assert (made.card.name, made.card.version) == ("both", "1.2.3")
    each = [odds(load(runs / name / "tiny")) for name in "ab"]
    assert np.abs(odds(made) - np.mean(each, axis=0)).max() < 1e-4
    held = [np.load(runs / name / "out-of-fold.npz") for name in "ab"]
    assert held[0]["images"].tolist() == held[1]["images"].tolist()
    targets = held[0]["targets"]
    alone = [mean_auroc(targets, one["logits"]) for one in held]
    together = mean_auroc(targets, (held[0]["logits"] + held[1]["logits"]) / 2)
    assert value(made.card, "AUROC", "train and tune, out of fold") == pytest.approx(
        together, abs=1e-6
    )
    above = value(made.card, "AUROC above the best member", "train and tune, out of fold")
    assert above == pytest.approx(together - max(alone), abs=1e-6)
    assert {r.images for r in made.card.results if r.split == "test" and r.finding} == {12}
    member = read_member(runs / "a", None)
    rows = member.material.split.parts["test"]
    images = members.pictures(member.material, member.recipe, rows, len(rows))
    scores = np.mean([Graph.open(load(runs / n / "tiny"))(images).logits for n in "ab"], axis=0)
    expected = mean_auroc(member.material.labelled.targets[rows], scores)
    assert value(made.card, "AUROC", "test") == pytest.approx(expected, abs=1e-6)
    assert [f.positives for f in made.card.findings] == [20, 15]
    assert [start.name for start in made.card.start] == ["start.safetensors"]
    assert made.card.provenance["seeds"] == "3, 4"
    assert "recipe of member 2" in made.card.provenance


def test_one_network_a_finding(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "_exported", quickly)
    told: list[str] = []
    made = make_ensemble(
        [runs / "nodule", runs / "mass"], tmp_path / "out", how="one-each", tell=told.append
    ).bundle
    assert made.card.keys == ("nodule", "mass")
    found = odds(made)
    for at, name in enumerate(("nodule", "mass")):
        alone = load(runs / name / "tiny")
        assert np.abs(found[:, at] - odds(alone)[:, 0]).max() < 1e-4
        of_tune = value(made.card, "AUROC", "tune", name)
        assert of_tune == pytest.approx(value(alone.card, "AUROC", "tune", name), abs=1e-6)
    assert all("began with start.safetensors" in row.note for row in made.card.results)
    assert any("tuning rows calibrate" in line for line in told)
    assert "take it with care" in made.card.findings[0].calibration.fitted_on
    assert not any("best member" in row.metric for row in made.card.results)


def test_the_mean_of_weights(
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exported: list[tuple[Classifier, Card]],
) -> None:
    judged: list[tuple[tuple[str, ...], set[int]]] = []
    average, judge_rows = judge.averaged, judge.judge

    def watched_average(members, which, rows):  # type: ignore[no-untyped-def]
        made = average(members, which, rows)
        for member, name in zip(members, which, strict=True):
            if name.startswith("fold"):
                held_out = np.flatnonzero(member.fold_of == int(name[5:]))
                assert not set(held_out.tolist()) & set(rows.tolist())
        judged.append((tuple(which), set()))
        return made

    def watched_judge(network, served):  # type: ignore[no-untyped-def]
        judged[-1][1].update(served.rows.tolist())
        return judge_rows(network, served)

    monkeypatch.setattr(judge, "averaged", watched_average)
    monkeypatch.setattr(judge, "judge", watched_judge)
    make_ensemble([runs / "a", runs / "b"], tmp_path / "out", how="weights")
    each = [read_member(runs / name, None) for name in "ab"]
    seen: list[int] = []
    for which, rows in judged:
        for member, name in zip(each, which, strict=True):
            assert set(member.fold_of[list(rows)].tolist()) == {int(name[5:])}
        seen += sorted(rows)
    assert sorted(seen) == list(range(60))  # every row once, by folds that held it out
    assert len(judged) == 3  # the folds are the same for both seeds
    ((network, card),) = exported
    states = [network_of(member, "final").state_dict() for member in each]
    for name, parameter in network.named_parameters():
        expected = torch.stack([state[name] for state in states]).mean(0)
        assert torch.allclose(parameter, expected, rtol=2**-10, atol=1e-6)
    name = next(n for n in states[0] if n.endswith("running_var"))
    assert not torch.allclose(
        network.state_dict()[name], torch.stack([state[name] for state in states]).mean(0)
    )  # measured anew
    notes = {r.split: r.note for r in card.results if r.metric == "AUROC above the best member"}
    assert set(notes) == {"test", "train and tune, out of fold, the ensemble"}
    assert "members: a " in notes["test"]
    assert "recipe" in card.provenance  # one network, which others can begin with


@pytest.mark.parametrize(
    ("one", "other", "held"),
    [
        ({"freeze": "layer1"}, {"freeze": "all"}, "layer1"),
        ({"freeze": "all", "unfreeze": [{"epoch": 1, "upto": "layer1"}]}, {"freeze": "all"},
         "layer1"),
        ({"freeze": "layer1", "unfreeze": [{"epoch": 9}]}, {"freeze": "layer1"}, "layer1"),
        ({"freeze": "layer1"}, {}, ""),
    ],
)  # fmt: skip
def test_statistics_of_what_was_frozen_are_not_measured_anew(
    runs: Path, tmp_path: Path, one: dict[str, object], other: dict[str, object], held: str
) -> None:
    for name, change in (("a", one), ("b", other)):
        shutil.copytree(runs / name, tmp_path / name)
        for key, value in change.items():
            said(tmp_path / name, "model", key, value=value)
    each = [read_member(tmp_path / name, None) for name in "ab"]
    rows = each[0].material.split.parts["train"]
    found = dict(judge.averaged(each, ["final", "final"], rows).named_buffers())
    states = [network_of(member, "final").state_dict() for member in each]
    stay = {
        name
        for name, value in found.items()
        if name.endswith("running_mean")
        and torch.allclose(value, torch.stack([s[name] for s in states]).mean(0), atol=1e-6)
    }
    every = {name.removeprefix("backbone.net.") for name in found if name.endswith("_mean")}
    expected = {n for n in every if held and n.split(".")[0] in {"bn1", "conv1", "stem", "layer1"}}
    assert {name.removeprefix("backbone.net.") for name in stay} == expected


def test_folds_of_a_run_are_measured_on_its_test_alone(
    runs: Path, tmp_path: Path, exported: list[tuple[Classifier, Card]]
) -> None:
    make_ensemble([runs / "a"], tmp_path / "out", how="folds")
    ((network, card),) = exported
    member = read_member(runs / "a", None)
    each = [given(network_of(member, f"fold-{at}")) for at in range(3)]
    assert np.abs(given(network) - np.mean(each, axis=0)).max() < 1e-5
    assert {row.split for row in card.results} == {
        "test",
        "train and tune, out of fold, single members",
    }
    alone = load(runs / "a" / "tiny")
    single = value(card, "AUROC", "train and tune")
    assert single == pytest.approx(value(alone.card, "AUROC", "train and tune"), abs=1e-6)
    assert not any(f.calibration.trusted for f in card.findings)
    assert all("weights, choice of checkpoint" in part.name for part in card.data)
    began = "all networks began with start.safetensors, and what that learnt from is not kept away"
    assert all(began in r.note for r in card.results if "best member" not in r.metric)


# Runs without folds that divide train and tune each in a way of its own.


def divided(runs: Path, folder: Path, tune: Callable[[int], bool]) -> list[Path]:
    """The run of one finding, and a copy of it whose tune part is told otherwise."""
    for name in ("one", "two"):
        shutil.copytree(runs / "mass", folder / name)
    run = folder / "two"

    def change(rows: list[dict[str, str]]) -> None:
        for at, row in enumerate(rows[:60]):
            row["part"] = "tune" if tune(at) else "train"

    labels(run, change)
    split_again(run)
    return [folder / "one", run]


def split_again(run: Path) -> None:
    table = Pack.open(run / "images").table
    parts = {"train": "train", "tune": "tune", "test": "other"}
    column = table.column("part")
    split = Split.of(table, {p: np.flatnonzero(column == v) for p, v in parts.items()})
    facts = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps(facts | {"split_digest": split.digest}))


@pytest.mark.parametrize("how", ["mean", "weights"])
def test_without_folds_rows_count_that_no_run_has_learnt(
    runs: Path, tmp_path: Path, how: How, exported: list[tuple[Classifier, Card]]
) -> None:
    each = divided(runs, tmp_path, lambda at: at % 5 == 1 or at % 10 == 0)
    make_ensemble(each, tmp_path / "out", how=how)
    ((network, card),) = exported
    rows = np.arange(0, 60, 10)  # tune is every fifth in the first run
    (told,) = [
        r for r in card.results if (r.metric, r.split, r.finding) == ("AUROC", "tune", "mass")
    ]
    assert told.images == len(rows)
    member = read_member(each[0], None)
    images = members.pictures(member.material, member.recipe, rows, len(rows))
    with torch.inference_mode():
        scores = network.everything(torch.from_numpy(images)).logits.numpy()
    expected = mean_auroc(member.material.labelled.targets[rows], scores)
    assert told.value == pytest.approx(expected, abs=1e-6)
    assert card.findings[0].positives == 2
    assert all("weights, choice of checkpoint" in part.name for part in card.data)


@pytest.mark.parametrize(
    ("tune", "message"),
    [
        (lambda at: at % 5 == 1, "predictions of 'one', 'two' .* no radiograph lies in the tune"),
        (lambda at: at == 5 or at % 5 == 1, "only 1 radiographs lie .* same is said of 'mass'"),
    ],
)
@pytest.mark.parametrize("how", ["mean", "weights"])
def test_without_such_rows_nothing_is_made(
    runs: Path, tmp_path: Path, tune: Callable[[int], bool], how: How, message: str
) -> None:
    each = divided(runs, tmp_path, tune)
    with pytest.raises(RunError, match=message):
        make_ensemble(each, tmp_path / "out", how=how)
    assert not (tmp_path / "out").exists()


# What is refused. Each case changes a copy of run b.


def said(run: Path, *keys: str, value: object) -> None:
    recipe = json.loads((run / "recipe.json").read_text())
    part = recipe
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    (run / "recipe.json").write_text(json.dumps(recipe))


def labels(run: Path, change: Callable[[list[dict[str, str]]], None]) -> None:
    file = run / "images" / "labels.csv"
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    change(rows)
    with file.open("w", newline="") as stream:
        out = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        out.writeheader()
        out.writerows(rows)


def another_range(run: Path) -> None:
    said(run, "input", "value_range", value=[0.0, 1.0])


def another_backbone(run: Path) -> None:
    said(run, "model", "backbone", value="test_vit")


def another_patient(run: Path) -> None:
    labels(run, lambda rows: rows[1].update(patient="somebody else"))


def another_label(run: Path) -> None:
    labels(run, lambda rows: rows[1].update(mass="1" if rows[1]["mass"] == "0" else "0"))
    (run / "out-of-fold.npz").unlink()


def label_of_a_held_row(run: Path) -> None:
    labels(run, lambda rows: rows[1].update(mass="1" if rows[1]["mass"] == "0" else "0"))


def another_split(run: Path) -> None:
    labels(run, lambda rows: rows[1].update(part="other"))


def taught_by_the_test(run: Path) -> None:
    labels(run, lambda rows: rows[70].update(part="train"))
    split_again(run)


def other_pictures(run: Path) -> None:
    shard = run / "images" / "shard-000000.u8"
    shard.write_bytes(bytes(255 - byte for byte in shard.read_bytes()))


def no_pictures(run: Path) -> None:
    shutil.rmtree(run / "images")


def no_bundle(run: Path) -> None:
    shutil.rmtree(run / "tiny")


def another_checkpoint(run: Path) -> None:
    shutil.copy(run / "fold-0" / "best.ckpt", run / "final" / "best.ckpt")


def masks(run: Path) -> None:
    recipe = {
        "model": {"backbone": "test_resnet"},
        "data": {"table": "labels.csv", "masks": "mask"},
        "task": [{"kind": "segmentation", "structures": ["lung"]}],
    }
    (run / "recipe.json").write_text(json.dumps(recipe))


def no_recipe(run: Path) -> None:
    (run / "recipe.json").unlink()


REFUSED = [
    (another_range, "mean", r"shown radiographs in two ways \(\[input\] value_range"),
    (another_backbone, "weights", "backbone 'test_resnet' and 'test_vit'"),
    (another_patient, "mean", "take 1 radiographs to be of other patients"),
    (another_label, "mean", "differ in 1 labels"),
    (label_of_a_held_row, "mean", "speaks of other images or labels"),
    (another_split, "mean", "split were changed since it was trained"),
    (taught_by_the_test, "mean", "learnt from 1 radiographs that a keeps for its test"),
    (other_pictures, "mean", "other pictures under one name"),
    (no_pictures, "mean", "Say which, with --data PACK"),
    (no_bundle, "mean", "has no bundle yet"),
    (another_checkpoint, "mean", "does not give what the run's bundle gives"),
    (masks, "mean", "draws masks"),
    (no_recipe, "mean", "is no run"),
]


@pytest.mark.parametrize(
    ("change", "how", "message"), REFUSED, ids=[case[0].__name__ for case in REFUSED]
)
def test_runs_that_cannot_be_one(
    runs: Path, tmp_path: Path, change: Callable[[Path], None], how: How, message: str
) -> None:
    shutil.copytree(runs / "b", tmp_path / "b")
    change(tmp_path / "b")
    with pytest.raises(RunError, match=message):
        make_ensemble([runs / "a", tmp_path / "b"], tmp_path / "out", how=how)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("names", "how", "message"),
    [
        ("a", "mean", "two runs or more"),
        ("a a", "mean", "named twice"),
        ("a b", "one-each", r"2 findings are read by more than one run \('mass', 'nodule'\)"),
        ("a b", "folds", "name one"),
        ("mass", "folds", "has no folds"),
        ("mass nodule", "mean", "--how one-each"),
    ],
)
def test_runs_that_do_not_fit(
    runs: Path, tmp_path: Path, names: str, how: How, message: str
) -> None:
    with pytest.raises(RunError, match=message):
        make_ensemble([runs / name for name in names.split()], tmp_path / "out", how=how)


def test_weights_of_networks_drawn_by_chance_are_not_averaged(runs: Path, tmp_path: Path) -> None:
    for name in "ab":
        shutil.copytree(runs / name, tmp_path / name)
        said(tmp_path / name, "model", "weights", value="")
    with pytest.raises(RunError, match="random weights of its own"):
        make_ensemble([tmp_path / "a", tmp_path / "b"], tmp_path / "out", how="weights")


def test_a_name_that_no_bundle_can_have(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--name 'Big One'"):
        make_ensemble([runs / "a"], tmp_path / "out", how="folds", told=Told("Big One"))


def test_without_a_test_part_folds_have_no_number(
    runs: Path, tmp_path: Path, exported: list[tuple[Classifier, Card]]
) -> None:
    run = tmp_path / "a"
    shutil.copytree(runs / "a", run)
    said(run, "data", "test", value="")
    split = read_member(runs / "a", None).material.split
    table = Pack.open(run / "images").table
    fewer = Split.of(table, {part: split.parts[part] for part in ("train", "tune")})
    facts = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps(facts | {"split_digest": fewer.digest}))
    told: list[str] = []
    make_ensemble([run], tmp_path / "out", how="folds", tell=told.append)
    ((_, card),) = exported
    assert {row.split for row in card.results} == {"train and tune, out of fold, single members"}
    assert card.summary.endswith("Not measured as a whole.")
    assert any("No number of the ensemble itself" in line for line in told)
