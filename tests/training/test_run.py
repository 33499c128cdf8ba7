from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RunError  # noqa: E402
from hilum.runtime import Graph  # noqa: E402
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
    plain = plain.replace("epochs = 4", "epochs = 1")
    assert "stratum" not in plain
    recipe = load(tmp_path, plain)
    card = train(recipe, data=collection, weights=tmp_path, out=tmp_path / "run").card
    metrics = {result.metric for result in card.results}
    assert "AUROC" in metrics
    assert not any("within" in metric for metric in metrics)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path: Path, collection: Path, recipe_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilum.training import loop

    recipe = load(tmp_path, recipe_text)
    whole = train(recipe, data=collection, weights=tmp_path, out=tmp_path / "whole")

    class StoppedError(Exception):
        pass

    start, count = loop.Learner.on_train_epoch_start, [0]

    def stop_in_the_second_epoch(self: loop.Learner) -> None:
        count[0] += 1
        if count[0] == 2:
            raise StoppedError
        start(self)

    begun: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(loop.Learner, "on_train_epoch_start", stop_in_the_second_epoch)
        with pytest.raises(StoppedError):
            train(recipe, data=collection, weights=tmp_path, out=tmp_path / "stopped")

    def note_the_epoch(self: loop.Learner) -> None:
        begun.append(self.current_epoch)
        start(self)

    monkeypatch.setattr(loop.Learner, "on_train_epoch_start", note_the_epoch)
    again = train(recipe, data=collection, weights=tmp_path, out=tmp_path / "stopped")
    assert begun[0] == 1  # it went on, and did not begin again
    images = np.random.default_rng(0).random((4, 1, 64, 64)).astype(np.float32)
    expected, got = (Graph.open(b)(images).logits for b in (whole, again))
    assert np.allclose(expected, got, atol=1e-5)


def test_a_run_of_another_recipe_is_not_overwritten(
    tmp_path: Path, collection: Path, recipe_text: str
) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "recipe.json").write_text("{}")
    with pytest.raises(RunError, match="holds a run of another recipe"):
        train(load(tmp_path, recipe_text), data=collection, weights=tmp_path, out=out)


def test_outputs_that_collapse_stop_the_run(
    tmp_path: Path, collection: Path, recipe_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilum.models.network import Network

    monkeypatch.setattr(
        Network, "forward", lambda self, image: self.head.bias.expand(len(image), -1)
    )
    with pytest.raises(RunError, match="has collapsed"):
        train(load(tmp_path, recipe_text), data=collection, weights=tmp_path, out=tmp_path / "run")


def test_no_network_sees_a_patient_whom_it_will_judge(
    tmp_path: Path, collection: Path, frozen_recipe_text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hilum.training import run

    fit, judge = run.fit_network, run.logits_of
    learnt: list[set[int]] = []
    judged: list[set[int]] = []

    def watched_fit(network, train_rows, tune_rows, *rest, **options):
        learnt.append({*train_rows.rows.tolist(), *tune_rows.rows.tolist()})
        return fit(network, train_rows, tune_rows, *rest, **options)

    def watched_judge(network, rows, batch):
        judged.append(set(rows.rows.tolist()))
        return judge(network, rows, batch)

    monkeypatch.setattr(run, "fit_network", watched_fit)
    monkeypatch.setattr(run, "logits_of", watched_judge)
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
    (out / "data.sha256").write_text("another table")
    with pytest.raises(RunError, match="holds a run of other data"):
        train(load(tmp_path, recipe_text), data=collection, weights=tmp_path, out=out)
