import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RecipeError, RunError, Stopped  # noqa: E402
from hilum.report.run.epochs import read_epochs  # noqa: E402
from hilum.runtime import Graph  # noqa: E402
from hilum.training.claiming import claim_folder  # noqa: E402
from hilum.training.recipe import Recipe, load_recipe  # noqa: E402
from hilum.training.run import train  # noqa: E402

pytestmark = pytest.mark.train


def load(folder: Path, text: str) -> Recipe:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


def test_from_pictures_to_a_bundle(
    tmp_path: Path, collection: Path, frozen_recipe_text: str
) -> None:
    recipe = load(tmp_path, frozen_recipe_text)
    bundle = train(recipe, data=collection, weights=tmp_path, out=tmp_path / "run")
    card = bundle.card
    assert card.keys == ("mass", "nodule")
    assert [f.positives for f in card.findings] == [20, 15]
    assert not any(f.calibration.trusted for f in card.findings)  # fewer than 30 positives
    metrics = {(r.metric, r.split.split(",")[0]) for r in card.results}
    assert ("AUROC", "train and tune") in metrics
    assert ("AUROC within road", "tune") in metrics
    assert ("refused by the gate", "part other") in metrics
    graph = Graph.open(bundle)
    out = graph(np.zeros((2, 1, 64, 64), np.float32))
    assert out.logits.shape == (2, 2)
    assert out.cams is not None
    assert out.cams.shape[:2] == (2, 2)
    held = np.load(tmp_path / "run" / "out-of-fold.npz")
    assert held["logits"].shape == (60, 2)
    folded = {r.finding: r for r in card.results if r.metric == "AUROC" and "out of" in r.split}
    assert folded[None].value is not None
    assert folded[None].value > 0.7  # a row out of place would leave .5
    for state in (tmp_path / "run").rglob("*.ckpt"):
        torch.load(state, weights_only=True)


def test_a_recipe_without_strata(tmp_path: Path, collection: Path, recipe_text: str) -> None:
    plain = recipe_text.replace('stratum = "road"\nstratum_name = "road"\n', "")
    plain = plain.replace("epochs = 4", "epochs = 3")
    assert "stratum" not in plain
    recipe = load(tmp_path, plain)
    card = train(recipe, data=collection, weights=tmp_path, out=tmp_path / "run").card
    metrics = {result.metric for result in card.results}
    assert "AUROC" in metrics
    assert not any("within" in metric for metric in metrics)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    recipe = load(tmp_path, recipe_text)
    whole = train(recipe, data=collection, weights=tmp_path, out=tmp_path / "whole")
    out, steps = tmp_path / "stopped", 0

    def in_the_middle_of_an_epoch() -> str:
        nonlocal steps
        steps += 1
        return "Enough." if steps % 23 == 0 else ""

    stops = 0
    while True:
        try:
            again = train(
                recipe, data=collection, weights=tmp_path, out=out, stop=in_the_middle_of_an_epoch
            )
            break
        except Stopped:
            stops += 1
    assert stops > 2
    images = np.random.default_rng(0).random((4, 1, 64, 64)).astype(np.float32)
    expected, got = (Graph.open(b)(images).logits for b in (whole, again))
    assert np.array_equal(expected, got)
    for name in ("fold-0", "final"):
        told = [read_epochs(run / name / "epochs.jsonl") for run in (tmp_path / "whole", out)]
        losses = [[line["tune_loss"] for line in lines] for lines in told]
        assert len(losses[0]) == recipe.fit.epochs
        assert losses[0] == losses[1]


def test_tuning_numbers_are_those_of_the_network_that_is_kept(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    """Measured in evaluation mode, with averaged weights, on plain pictures."""
    text = recipe_text.replace("[model]", "[model]\ndropout = 0.9")
    text = text.replace("[fit]", '[fit]\nprecision = "float32"')
    recipe = load(tmp_path, text)
    bundle = train(recipe, data=collection, weights=tmp_path, out=tmp_path / "run")
    lines = read_epochs(tmp_path / "run" / "final" / "epochs.jsonl")
    told = [line["tune"]["auroc"]["mean"] for line in lines if line["best"]][-1]
    card = next(
        r for r in bundle.card.results if r.metric == "AUROC" and r.split == "tune" and r.is_mean
    )
    assert card.value == pytest.approx(told, abs=1e-6)
    again = train(recipe, data=collection, weights=tmp_path, out=tmp_path / "run")
    assert again.digest == bundle.digest  # a run that is done is left as it is


def test_statistics_are_measured_before_the_first_step(
    tmp_path: Path, collection: Path, recipe_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilum.training import run

    text = recipe_text.replace('batch_norm = "train"', 'batch_norm = "reestimated"')
    text = text.replace("epochs = 4", "epochs = 3")
    seen: list[float] = []
    fit = run.fit_network

    def watched_fit(network, *rest, **options):
        norm = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
        seen.append(float((norm.running_mean.abs() + (norm.running_var - 1).abs()).sum()))
        return fit(network, *rest, **options)

    monkeypatch.setattr(run, "fit_network", watched_fit)
    train(load(tmp_path, text), data=collection, weights=tmp_path, out=tmp_path / "run")
    assert len(seen) == 4
    assert min(seen) > 0.1  # an untrained network has mean 0 and variance 1


def test_a_run_of_another_recipe_is_not_overwritten(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    recipe = load(tmp_path, recipe_text)
    out = tmp_path / "run"
    (out / "final").mkdir(parents=True)
    said = json.loads(recipe.model_dump_json())
    said["fit"]["epochs"] = 7
    (out / "recipe.json").write_text(json.dumps(said))
    (out / "final" / "epochs.jsonl").touch()
    with pytest.raises(RunError, match=r"a run of another recipe \('fit.epochs' differ"):
        train(recipe, data=collection, weights=tmp_path, out=out)
    said["fit"]["epochs"] = recipe.fit.epochs
    del said["self_supervision"]  # written before this key was known: it means the same
    (out / "recipe.json").write_text(json.dumps(said))
    claim_folder(recipe, out)
    (out / "final" / "epochs.jsonl").unlink()
    said["fit"]["epochs"] = 7  # nothing learnt: a mended recipe may take its place
    (out / "recipe.json").write_text(json.dumps(said))
    assert train(recipe, data=collection, weights=tmp_path, out=out).card.name == "tiny"


def test_what_cannot_be_built_is_refused_before_anything_is_decoded(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    wrong = load(tmp_path, recipe_text.replace("[model]", '[model]\ncut = "layer7"'))
    with pytest.raises(RecipeError, match="layer7"):
        train(wrong, data=collection, weights=tmp_path, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_outputs_that_collapse_stop_the_run(
    tmp_path: Path, collection: Path, recipe_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilum.models.network import Network

    def one_answer(self: Network, image: torch.Tensor) -> torch.Tensor:
        return self.head.last.bias.expand(len(image), -1)

    monkeypatch.setattr(Network, "forward", one_answer)
    with pytest.raises(RunError, match="outputs-alike"):
        train(load(tmp_path, recipe_text), data=collection, weights=tmp_path, out=tmp_path / "run")


def test_no_network_sees_a_patient_whom_it_will_judge(
    tmp_path: Path, collection: Path, frozen_recipe_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilum.training import run

    fit, judge = run.fit_network, run.odds_of
    learnt: list[set[int]] = []
    judged: list[set[int]] = []

    def watched_fit(network, rows, *rest, **options):
        learnt.append({*rows[0].rows.tolist(), *rows[1].rows.tolist()})
        return fit(network, rows, *rest, **options)

    def watched_judge(under_way, network, rows):
        judged.append(set(rows.tolist()))
        return judge(under_way, network, rows)

    monkeypatch.setattr(run, "fit_network", watched_fit)
    monkeypatch.setattr(run, "odds_of", watched_judge)
    recipe = load(tmp_path, frozen_recipe_text)
    train(recipe, data=collection, weights=tmp_path, out=tmp_path / "run")
    for seen, held_out in zip(learnt[:3], judged[:3], strict=True):
        assert seen
        assert held_out
        assert not seen & held_out
    assert set.union(*judged[:3]) == set(range(60))


def test_other_data_under_the_same_recipe_is_refused(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "data.json").write_text("another table")
    with pytest.raises(RunError, match="holds a run of other data"):
        train(load(tmp_path, recipe_text), data=collection, weights=tmp_path, out=out)
