import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.errors import RunError, Stopped
from hilum.studies.arms import load_study
from hilum.studies.forest import forest
from hilum.studies.results import results_of
from hilum.studies.running import SCORES, Bench, folder_of, run_study
from hilum.studies.sheet import as_csv, as_json, into_page, markdown

pytestmark = pytest.mark.train


def test_a_study_stops_goes_on_and_gives_its_table(
    tmp_path: Path, chests: Path, study_folder: Path
) -> None:
    study, told, steps = load_study(study_folder), [], 0

    def after_some_steps() -> str:
        nonlocal steps
        steps += 1
        return "Enough." if steps == 40 else ""

    bench = Bench(chests, tmp_path, tmp_path / "out", after_some_steps, told.append)
    with pytest.raises(Stopped):
        run_study(study, bench)
    done = [line.split(" · ")[1:3] for line in told]
    assert 0 < len(done) < 4
    run_study(study, bench)
    assert len(told) == 4
    run_study(study, bench)
    assert len(told) == 4  # what is done is left
    assert not list(bench.out.rglob("*.ckpt"))

    whole = Bench(chests, tmp_path, tmp_path / "whole", tell=told.append)
    run_study(study, whole, only=["still"], seeds=[1])
    arm = study.arm("still")
    one, two = (np.load(folder_of(b.out, arm, 1) / SCORES)["logits"] for b in (bench, whole))
    assert np.array_equal(one, two)  # as if it had never stopped


def test_the_mean_of_arms(tmp_path: Path, chests: Path, study_folder: Path) -> None:
    with (study_folder / "arms.toml").open("a") as file:
        file.write(
            '[[arm]]\nname = "both"\nstudy = "ours"\nlever = "mean"\nwhy = "Two."\n'
            'method = "mean"\nof = ["base", "still/1"]\n'
        )
    study = load_study(study_folder)
    bench = Bench(chests, tmp_path, tmp_path / "out", tell=lambda _: None)
    with pytest.raises(RunError, match="a mean of base, which is not done"):
        run_study(study, bench, only=["both"], seeds=[0])
    run_study(study, bench, seeds=[0, 1])
    scores = {
        (name, seed): np.load(folder_of(bench.out, study.arm(name), seed) / SCORES)
        for name in ("base", "still", "both")
        for seed in (0, 1)
    }
    for seed in (0, 1):
        parts = [scores["base", seed], scores["still", 1]]
        assert np.array_equal(scores["both", seed]["rows"], np.sort(parts[0]["rows"]))
        wanted = np.mean([one["logits"][np.argsort(one["rows"])] for one in parts], axis=0)
        np.testing.assert_allclose(scores["both", seed]["logits"], wanted, rtol=1e-6)


def test_the_table_says_what_was_found(tmp_path: Path, chests: Path, study_folder: Path) -> None:
    study = load_study(study_folder)
    bench = Bench(chests, tmp_path, tmp_path / "out", tell=lambda _: None)
    with pytest.raises(RunError, match="no arm"):
        results_of(study, bench)
    run_study(study, bench)
    results = results_of(study, bench)
    base, still = results.lines
    assert base.effect is None
    assert still.effect is not None
    assert still.effect.difference.value < -0.1
    assert still.effect.verdict == "harms"
    assert results.comparisons == 1
    assert results.images == results.patients == 60
    text = markdown(results)
    assert "| `still` |" in text
    assert "**harms** †" in text
    rows = list(csv.DictReader(as_csv(results).splitlines()))
    assert [row["arm"] for row in rows] == ["base", "still"]
    kept = json.loads(as_json(results))["arms"][1]
    assert float(rows[1]["difference"]) == kept["difference"]
    assert kept["changes"] == {"optimiser.head_lr": 1e-9}
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    assert forest(results).startswith(b"<?xml")

    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin two-arms -->\nstale\n<!-- end two-arms -->\nafter\n")
    into_page(page, results)
    into_page(page, results)
    said = page.read_text()
    assert said.startswith("before\n")
    assert said.endswith("after\n")
    assert "stale" not in said
    assert said.count("`still`") >= 1
    page.write_text("nothing")
    with pytest.raises(RunError, match="begin two-arms"):
        into_page(page, results)


def test_heads_on_remembered_activations_are_the_whole_network(
    tmp_path: Path, chests: Path, study_folder: Path
) -> None:
    """A frozen backbone whose pooled maps are remembered gives what the network itself gives."""
    from hilum.training.cross_validation import cross_validate, material_for

    study = load_study(study_folder)
    recipe = study.recipe_for(study.arm("base"), 0)
    still = {"steps": ({"do": "nothing"},)}
    plain = recipe.model_validate(
        recipe.model_dump()
        | {"augmentation": still}
        | {"fit": recipe.fit.model_dump() | {"views": 0, "precision": "float32"}}
    )
    # Frozen by layer4 as a whole and by its first block on: what learns is the same, the head.
    material = material_for(plain, chests, tmp_path / "store")
    found = cross_validate(
        plain, material, weights=tmp_path, out=tmp_path / "a", store=tmp_path / "store"
    )
    assert list((tmp_path / "store").glob("plain-*.npy"))
    kept = np.load(next((tmp_path / "store").glob("plain-*.npy")))
    assert kept.shape[1] == 60
    assert kept.shape[3:] == (1, 2)
    again = plain.model_copy(
        update={"augmentation": recipe.augmentation.model_copy(update={"steps": _exact()})}
    )
    whole = cross_validate(
        again, material, weights=tmp_path, out=tmp_path / "b", store=tmp_path / "other"
    )
    assert not list((tmp_path / "other").glob("*.npy"))
    assert np.abs(found.logits - whole.logits).max() < 1e-3


def _exact() -> tuple[object, ...]:
    """A step that changes nothing, and is not called so."""
    from hilum.transforms.augmentation import Warp

    return (Warp(rotate_deg=0.0, zoom=0.0, stretch=0.0, shift=0.0),)


def test_one_network_a_finding_has_the_folds_of_all(
    tmp_path: Path, chests: Path, study_folder: Path
) -> None:
    arms = study_folder / "arms.toml"
    arms.write_text(
        arms.read_text().replace('lever = "learning rate"', 'lever = "x"\neach_finding = true')
    )
    study = load_study(study_folder)
    bench = Bench(chests, tmp_path, tmp_path / "out", tell=lambda _: None)
    run_study(study, bench, seeds=[0])
    folder = folder_of(bench.out, study.arm("still"), 0)
    alone = [np.load(folder / key / SCORES) for key in ("mass", "nodule")]
    both = np.load(folder / SCORES)
    assert np.array_equal(both["logits"], np.concatenate([one["logits"] for one in alone], 1))
    base = folder_of(bench.out, study.arm("base"), 0)
    for at in range(3):
        held = [np.load(f / f"fold-{at}" / "held-out.npz")["odds"] for f in (base, folder / "mass")]
        assert len(held[0]) == len(held[1])


def test_a_logistic_regression_stands_beside(
    tmp_path: Path, chests: Path, study_folder: Path
) -> None:
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    arms = study_folder / "arms.toml"
    method = 'lever = "x"\nmethod = "logistic-regression"'
    arms.write_text(arms.read_text().replace('lever = "learning rate"', method))
    study = load_study(study_folder)
    bench = Bench(chests, tmp_path, tmp_path / "out", tell=lambda _: None)
    run_study(study, bench, only=["still"], seeds=[0, 1])
    one, two = (np.load(folder_of(bench.out, study.arm("still"), s) / SCORES) for s in (0, 1))
    assert np.array_equal(one["logits"], two["logits"])  # it has no seed
    assert results_of(study, bench).lines[0].auroc.value > 0.7


def test_an_arm_that_was_run_with_another_recipe_is_no_result(
    tmp_path: Path, chests: Path, study_folder: Path
) -> None:
    bench = Bench(chests, tmp_path, tmp_path / "out", tell=lambda _: None)
    run_study(load_study(study_folder), bench, only=["base"], seeds=[0])
    run_study(load_study(study_folder), bench, only=["base"], seeds=[0])
    text = (study_folder / "study.toml").read_text()
    (study_folder / "study.toml").write_text(text.replace('"fit.epochs" = 3', '"fit.epochs" = 2'))
    with pytest.raises(RunError, match=r"another recipe \(\[fit\] differ\)"):
        run_study(load_study(study_folder), bench, only=["base"], seeds=[0])
