"""Sweeps and searches on drawn tables, with a network of three findings."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hilum.datasets.table import save
from hilum.domain import LabelTable, State
from hilum.domain.labels import Policy
from hilum.domain.text import text
from hilum.errors import EvaluationError, LabelError, RunError, Stopped
from hilum.evaluation import auroc
from hilum.reading.rounds import plan, read_plan, written
from hilum.reading.rounds.measuring import seeing
from hilum.reading.rounds.measuring.arms import arms, singles
from hilum.reading.rounds.measuring.evolving import Genome, cross, evolve, mutate, random_genome
from hilum.reading.rounds.measuring.judging import abstention, judge
from hilum.reading.rounds.measuring.larger import enlarged, side_for
from hilum.reading.rounds.measuring.rows import Rows, rows_of
from hilum.reading.rounds.measuring.seeing import Eye, see
from hilum.reading.rounds.measuring.store import LookStore, key
from hilum.reading.rounds.measuring.sweeping import Told
from hilum.reading.rounds.measuring.weights import deal, fit_weights, learn
from hilum.transforms.rounds import Step, told

N = 48
HAS = np.arange(N) % 2 == 0
RNG = np.random.default_rng


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures that are brighter in the middle where the finding is there, and their table."""
    place = tmp_path_factory.mktemp("rounds")
    for at in range(N):
        grain = RNG(at).random((9, 8), np.float32)
        pixels = cv2.resize(grain, (64, 72), interpolation=cv2.INTER_CUBIC).clip(0, 1)
        pixels[20:50, 20:44] *= 0.6 + 0.4 * HAS[at]
        cv2.imwrite(str(place / f"{at}.png"), np.rint(255 * pixels).astype("u1"))
    table = LabelTable(
        images=text([f"{at}.png" for at in range(N)]),
        patients=text([f"p{at // 3}-{at % 2}" for at in range(N)]),
        findings=("effusion",),
        states=np.where(HAS, State.PRESENT, State.ABSENT)[:, None].astype(np.uint8),
    )
    save(table, place / "labels.csv")
    return place, table


def rows(folder, **changes):
    place, table = folder
    asked = {"policy": Policy(), "tune_share": 0.5, "sample": 0, "seed": 0} | changes
    return rows_of(table, place, "effusion", **asked)


def test_patients_are_in_one_part_and_samples_nest(folder):
    whole, some = rows(folder), rows(folder, sample=40)
    assert not set(whole.patients[whole.tune]) & set(whole.patients[~whole.tune])
    assert whole.tune.any()
    assert (~whole.tune).any()
    part = {p.name: t for p, t in zip(whole.pictures, whole.tune, strict=True)}
    assert len(some.pictures) <= 40
    assert all(part[p.name] == t for p, t in zip(some.pictures, some.tune, strict=True))
    other = rows(folder, seed=1)
    assert other.tune.tolist() != whole.tune.tolist()


def test_rows_that_cannot_be_measured_are_refused(folder):
    place, table = folder
    with pytest.raises(LabelError, match="no labels of mass; it has effusion"):
        rows_of(table, place, "mass", policy=Policy(), tune_share=0.5, sample=0, seed=0)
    with pytest.raises(LabelError, match="patients with effusion; at least 5"):
        rows(folder, sample=9)


def test_what_was_seen_is_kept_and_not_seen_again(folder, tiny_bundle, tmp_path, monkeypatch):
    own = rows(folder)
    eye = Eye.of(tiny_bundle)
    chains = [(), (Step.of("gamma", {"exponent": 2}),)]
    looked = []
    plain = seeing._shown
    monkeypatch.setattr(seeing, "_shown", lambda *a: looked.append(a[1].digest) or plain(*a))
    with LookStore(tmp_path / "a.sqlite", "digest") as store:
        with pytest.raises(Stopped, match=rf"Stopped after \d of {N} pictures"):
            see(eye, own.pictures, chains, store, stop=lambda: len(looked) >= 3)
        done = store.images_with(key(()))
        assert 1 <= len(done) < N
    first = set(looked)
    with LookStore(tmp_path / "a.sqlite", "digest") as store:
        assert see(eye, own.pictures, chains, store, workers=2) == {}
        assert not done & set(looked[len(first) :])
        digests = [picture.digest for picture in own.pictures]
        again = store.logits(key(()), digests)
        assert again.shape == (N, 3)
        count = len(looked)
        see(eye, own.pictures, chains, store)
        assert len(looked) == count
        with pytest.raises(RunError, match="were not seen after"):
            store.logits("[]x", digests)
    with pytest.raises(RunError, match="another bundle"):
        LookStore(tmp_path / "a.sqlite", "other")
    (tmp_path / "b.sqlite").write_text("no database, " * 100)
    with pytest.raises(RunError, match="cannot be used"):
        LookStore(tmp_path / "b.sqlite", "digest")


def test_a_store_knows_pictures_by_their_bytes(folder, tiny_bundle, tmp_path):
    """A file of the same name with another content is another picture, in any folder."""
    _, table = folder
    eye, found = Eye.of(tiny_bundle), []
    with LookStore(tmp_path / "a.sqlite", eye.network) as store:
        for level in (40, 200):
            for at in range(N):
                pixels = np.full((72, 64), level, np.uint8)
                pixels[at % 72, at % 64] = at
                cv2.imwrite(str(tmp_path / f"{at}.png"), pixels)
            own = rows((tmp_path, table))
            asked = Told(eye, own, store, "effusion")
            with pytest.raises(RunError, match=f"{N} images were not seen"):
                asked.look(())
            assert see(eye, own.pictures, [()], store) == {}
            found.append(asked.look(()))
        assert len(store.images_with(key(()))) == 2 * N
    assert (found[0] != found[1]).all()
    cv2.imwrite(str(own.pictures[0].path), np.zeros((72, 64), np.uint8))
    with LookStore(tmp_path / "b.sqlite", eye.network) as store:
        assert see(eye, own.pictures[:2], [()], store) == {own.pictures[0].name: "changed"}
        assert store.images_with(key(())) == {own.pictures[1].digest}


def test_a_store_belongs_to_bundle_size_and_runtime(tiny_bundle, tmp_path):
    eye = Eye.of(tiny_bundle)
    LookStore(tmp_path / "a.sqlite", eye.network).close()
    for other in (replace(eye, runtime="openvino"), enlarged(eye, (64, 96))):
        with pytest.raises(RunError, match=r"or another runtime said.*choose another folder"):
            LookStore(tmp_path / "a.sqlite", other.network)
    LookStore(tmp_path / "old.sqlite", tiny_bundle.digest).close()
    with pytest.raises(RunError, match="known by name alone"):
        LookStore(tmp_path / "old.sqlite", eye.network)


@pytest.mark.parametrize("shared", [0, 1, 3])
def test_a_split_with_patients_in_both_parts_is_refused(folder, shared):
    place, table = folder
    names, number = np.unique(table.patients, return_inverse=True)
    split = np.where(number < len(names) // 2, "tune", "test").astype(object)
    several = names[np.bincount(number) > 1]
    for patient in several[:shared]:
        first, second = np.flatnonzero(table.patients == patient)[:2]
        split[first], split[second] = "tune", "test"
    divided = replace(table, columns={"split": text(split.tolist())})
    if shared:
        with pytest.raises(LabelError, match=rf"'split' puts {shared} patients? in tune and in"):
            rows((place, divided))
    else:
        own = rows((place, divided))
        assert own.how == "as the table's column 'split' divides them"
        assert not set(own.patients[own.tune]) & set(own.patients[~own.tune])


def test_the_sweep_holds_the_settings_of_the_study():
    names = [told((step,)) for step, _ in singles()]
    assert len(names) == len(set(names))
    for value in (-10, 0.01, 0.1, 10, 100):
        assert f"add(by_255 {value:g})" in names
    for value in (0.99, 1.01, 1.1, 1.5):
        assert f"multiply(by {value:g})" in names
    for value in (0.05, 0.5, 1.1, 1.5):
        assert f"sharpen(alpha 0.03, lightness {value:g})" in names
    assert {f"gaussian-blur(sigma_px {v:g})" for v in range(1, 10)} <= set(names)
    assert "gamma(exponent 1)" not in names
    groups = [arm.group for arm in arms()]
    assert (groups.count("pair"), groups.count("triple"), groups.count("plain")) == (12, 12, 1)
    chains = [arm.chains[0] for arm in arms() if arm.group in ("pair", "triple")]
    assert len(set(chains)) == 24


def test_weights_of_rounds_that_tell_are_larger_and_never_negative():
    rng = RNG(0)
    present = rng.random(200) < 0.5
    good = present * 2.0 + rng.normal(0, 1, 200)
    odds = np.stack([good, rng.normal(0, 1, 200), -good], axis=1)
    weights = fit_weights(odds, present)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert weights[0] > 0.8
    assert weights[2] == 0
    same = fit_weights(np.repeat(good[:, None], 4, axis=1), present)
    np.testing.assert_allclose(same, 0.25, atol=1e-6)
    assert np.allclose(fit_weights(-np.repeat(good[:, None], 2, axis=1), present), 0.5)


def test_weights_out_of_fold_gain_nothing_where_nothing_is_to_be_learnt():
    """Rounds of pure chance: weights learnt on the same rows would look better than chance."""
    inside, outside = [], []
    for seed in range(6):
        rng = RNG(seed)
        present, said = rng.random(60) < 0.5, rng.random((60, 12))
        learnt = learn(said, present, np.arange(60), rng=RNG(seed))
        odds = np.log(said / (1 - said))
        inside.append(auroc(present, odds @ learnt.weights).value)
        outside.append(auroc(present, learnt.out_of_fold).value)
        again = learn(said, present, np.arange(60), rng=RNG(seed))
        assert again.weights == learnt.weights
    assert np.mean(inside) > 0.6
    assert np.mean(outside) < 0.56


def test_weights_out_of_fold_find_the_round_that_tells():
    rng = RNG(3)
    present = rng.random(150) < 0.5
    said = rng.random((150, 6))
    said[:, 4] = np.clip(0.3 + 0.4 * present + rng.normal(0, 0.15, 150), 0.01, 0.99)
    learnt = learn(said, present, np.arange(150), rng=RNG(0))
    assert int(np.argmax(learnt.weights)) == 4
    mean = auroc(present, said.mean(axis=1)).value
    assert auroc(present, learnt.out_of_fold).value > mean


def test_folds_keep_patients_together():
    patients = np.repeat(np.arange(20), 3)
    present = patients % 2 == 0
    fold = deal(present, patients, 5, RNG(0))
    assert all(len(set(fold[patients == p])) == 1 for p in range(20))
    for at in range(5):
        assert present[fold == at].sum() == (~present[fold == at]).sum()
    with pytest.raises(EvaluationError, match="there are 2 and 10"):
        deal(np.arange(12) < 2, np.arange(12), 5, RNG(0))


def test_the_threshold_comes_from_the_tune_rows_alone():
    tune = np.arange(80) < 40
    present = np.arange(80) % 2 == 0
    own = Rows((), present, np.arange(80), tune, "")
    values = np.where(present, 0.7, 0.3) + RNG(0).normal(0, 0.05, 80)
    found = judge(own, values, values, samples=200)
    shifted = np.where(tune, values, values * 0.1)  # another scale on the test rows
    other = judge(own, shifted, values, samples=200)
    assert other.threshold == found.threshold
    assert other.counts.tp == 0
    assert found.gain.value == 0
    assert found.numbers["recall"].value == found.counts.tp / (found.counts.tp + found.counts.fn)
    again = judge(own, values, values, samples=200)
    assert again == found


def test_abstaining_on_what_is_wrong_leaves_what_is_right():
    tune = np.arange(100) < 50
    wrong = np.arange(100) % 5 == 0
    own = Rows((), wrong, np.arange(100), tune, "")
    knows = abstention(own, wrong.astype(float), wrong, by="knows", wanted=0.8)
    assert (knows.coverage, knows.wrong, knows.wrong_all) == (0.8, 0.0, 0.2)
    constant = abstention(own, np.zeros(100), wrong, by="nothing")
    assert constant.area == pytest.approx(0.2)
    assert (constant.coverage, constant.wrong) == (1.0, 0.2)
    assert knows.area < constant.area


def fit(genomes):
    """The more gamma 2 there is, the better; each look costs."""
    wanted = Step.of("gamma", {"exponent": 2.0})
    return [sum(wanted in chain for chain in one.looks) - 0.3 * len(one.looks) for one in genomes]


def test_the_search_is_decided_by_its_seed_and_never_loses_the_best():
    first = evolve(fit, rng=RNG(4), population=10, generations=12)
    assert first == evolve(fit, rng=RNG(4), population=10, generations=12)
    assert first != evolve(fit, rng=RNG(5), population=10, generations=12)
    best = [one.fitness for one in first]
    assert best == sorted(best)
    assert best[-1] > best[0]
    asked = []
    evolve(lambda some: asked.extend(some) or fit(some), rng=RNG(4), population=10, generations=12)
    assert len(asked) == len(set(asked))
    assert asked[0] == Genome(((),))


def test_every_genome_is_a_sound_plan(tmp_path):
    rng = RNG(0)
    names = ["gamma", "crop", "shift", "flip-left-right", "clahe"]
    one, two = random_genome(rng, names), random_genome(rng, names)
    for at in range(60):
        one, two = mutate(cross(one, two, rng), rng, names), mutate(two, rng, names)
        assert 1 <= len(one.looks) <= 10
        assert len(set(one.looks)) == len(one.looks)
        if at % 20 == 0:
            (tmp_path / "a.toml").write_text(written(one.plan()), "utf-8")
            assert read_plan(tmp_path / "a.toml") == one.plan()


def test_a_larger_input_gives_the_same_at_its_own_size(tiny_bundle):
    assert side_for((320, 320), 4) == (640, 640)
    assert side_for((320, 320), 1) == (320, 320)
    big = enlarged(Eye.of(tiny_bundle), (64, 96))
    assert big.bundle.card.preprocessing.size == (64, 96)
    out = big.graph(np.zeros((1, 1, 64, 96), np.float32))
    assert out.logits.shape == (1, 3)
    assert out.cams.shape == (1, 3, 8, 12)


def test_a_sweep_and_a_search_from_the_command_line(
    folder, tiny_bundle, make_reader, tmp_path, capsys
):
    from hilum.cli import main

    place, _ = folder
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n<!-- begin rounds/sweep -->\n<!-- end rounds/sweep -->\n"
                    "<!-- begin rounds/search -->\n<!-- end rounds/search -->\n")  # fmt: skip
    pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")
    arguments = ["rounds", str(place), "--labels", str(place / "labels.csv"), "--bundle",
                 str(tiny_bundle.location), "--finding", "effusion", "--sweep", "--search",
                 "--population", "4", "--generations", "3", "--samples", "100", "--tune-share",
                 "0.5", "--workers", "2", "-o", str(tmp_path / "out")]  # fmt: skip

    def run(*more):
        with pytest.raises(SystemExit) as end:
            main([*arguments, *more])
        return end.value.code, capsys.readouterr()

    code, said = run("--page", str(page))
    assert code == 0, said.err
    assert "Plain: AUROC" in said.out
    numbers = json.loads((tmp_path / "out/sweep/numbers.json").read_text("utf-8"))
    assert len(numbers["arms"]) == len(arms()) + len(numbers["weights"])
    assert (tmp_path / "out/sweep/sweep.csv").read_text().count("\n") == 1 + len(numbers["arms"])
    learnt = plan(tmp_path / "out/sweep/plans/ten-weighted.toml")
    assert (learnt.join, len(learnt.weights["effusion"])) == ("weighted", 10)
    found = json.loads((tmp_path / "out/search/numbers.json").read_text("utf-8"))
    assert [side["name"] for side in found["sides"]][:2] == [
        "one plain look", "the plan that was found",
    ]  # fmt: skip
    searched = plan(tmp_path / "out/search/plans/searched.toml")
    assert searched.rounds.name == "searched"
    side = found["sides"][1]
    assert searched.operating_points == {"effusion": side["threshold"]}
    own, counts = rows(folder), [0, 0, 0, 0]
    reader = make_reader(rounds=searched, heatmaps=False)
    for at in np.flatnonzero(~own.tune).tolist():
        said = reader.read(own.pictures[at].path)["effusion"].present
        counts[[[3, 2], [1, 0]][said][bool(own.present[at])]] += 1
    assert counts == side["counts"]  # a reading by the saved plan decides as the report says
    text_of = page.read_text("utf-8")
    assert "Weights that were learnt" in text_of
    assert "(page-singles.svg)" in text_of
    assert json.loads((tmp_path / "page-sweep.json").read_text("utf-8")) == numbers
    arguments.remove("--sweep")
    code, _ = run()
    assert code == 0
    once_more = json.loads((tmp_path / "out/search/numbers.json").read_text("utf-8"))
    assert once_more["generations"] == found["generations"]


def test_the_command_says_what_it_lacks(capsys):
    from hilum.cli import main

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["rounds", *arguments])
        return end.value.code, capsys.readouterr()

    assert "Say what to do: --sweep" in run()[1].err
    assert "needs DATA, --labels and --finding" in run("--sweep")[1].err
    code, said = run("--show", "flip")
    assert code == 0
    assert 'name = "flip"' in said.out
    code, said = run("--list")
    assert "ten-previous-second" in said.out
    assert "did you mean ten" in run("--show", "tne")[1].err
