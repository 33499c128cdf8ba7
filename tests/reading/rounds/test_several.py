"""A reader that looks several times."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.domain import Affine, GateVerdict, Note, Radiograph, Reading, Refusal, Source
from hilum.errors import RecipeError
from hilum.reading import Reader
from hilum.reading.rounds import JOINS, Plan, plan, written
from hilum.reading.rounds.laying import lay_back
from hilum.reading.rounds.several import UNSURE
from hilum.transforms.preprocess import normalise
from hilum.transforms.rounds import RoundSet, Step, look, ten
from hilum.transforms.rounds.sets import Round

SHAPE = (96, 80)
FLIP = Step.of("flip-left-right")
DARKER = (Step.of("multiply", {"by": 0.5}),)


@pytest.fixture
def radiograph():
    return Radiograph(np.random.default_rng(3).random(SHAPE, np.float32), Source("a", "png", SHAPE))


def rounds(*chains):
    return RoundSet("own", tuple(Round(f"{at}", chain) for at, chain in enumerate(chains)))


def test_one_plain_round_is_a_plain_reading(make_reader, radiograph):
    plain, once = make_reader()(radiograph), make_reader(rounds=plan("plain"))(radiograph)
    for one, two in zip(plain.predictions, once.predictions, strict=True):
        assert two.probability == pytest.approx(one.probability, abs=1e-12)
        assert (two.logit, two.operating_point) == (one.logit, one.operating_point)
        assert (one.spread, two.spread) == (None, 0)
    for one, two in zip(plain.heatmaps, once.heatmaps, strict=True):
        np.testing.assert_allclose(two.values, one.values, atol=1e-6)
        assert two.to_radiograph == one.to_radiograph
    assert plain.rounds is None
    assert once.rounds.names == ("plain",)


@pytest.mark.parametrize("how", JOINS)
def test_rounds_alike_have_no_spread_and_say_what_one_says(make_reader, radiograph, how):
    same = Plan(rounds((), (), ()), how, weights={"others": (1.0, 2.0, 3.0)})
    plain, thrice = make_reader()(radiograph), make_reader(rounds=same)(radiograph)
    for one, three in zip(plain.predictions, thrice.predictions, strict=True):
        assert three.spread == 0
        assert three.present == one.present
        if how != "vote":
            assert three.probability == pytest.approx(one.probability, abs=1e-9)


def test_what_each_round_said_is_kept_and_joined(make_reader, radiograph):
    reader = make_reader(rounds=plan("ten"))
    reading = reader(radiograph)
    spec = reader.bundle.card.preprocessing
    for at, (grey, _) in enumerate(look(radiograph.pixels, ten().chains, spec)):
        logits = reader.graph(normalise(grey, spec)[None]).logits[0]
        said = [p.probability for p in reader.scale.predictions(logits)]
        np.testing.assert_allclose(reading.rounds.probabilities[at], said)
    each = reading.rounds.probabilities
    np.testing.assert_allclose([p.probability for p in reading.predictions], each.mean(axis=0))
    np.testing.assert_allclose([p.spread for p in reading.predictions], each.std(axis=0))
    note = next(note for note in reading.notes if note.code == "rounds")
    assert "Read in 10 rounds (ten, each on the radiograph), joined by mean" in note.message
    assert not note.warning


def test_a_spread_beyond_the_limit_leaves_a_finding_open(make_reader, radiograph):
    two = Plan(rounds((), DARKER))
    spreads = {p.finding: p.spread for p in make_reader(rounds=two)(radiograph).predictions}
    assert min(spreads.values()) > 0
    limit = sorted(spreads.values())[1]
    reading = make_reader(rounds=Plan(rounds((), DARKER), abstain_above=limit))(radiograph)
    open_ = {p.finding for p in reading.abstained}
    assert open_ == {key for key, spread in spreads.items() if spread > limit}
    assert len(open_) == 1
    assert not any(p.present for p in reading.abstained)
    note = next(note for note in reading.notes if note.code == UNSURE)
    assert note.warning


def test_operating_points_of_the_plan_are_restated_like_the_cards(make_reader, radiograph):
    own = Plan(rounds(()), operating_points={"effusion": 0.4})
    plain = make_reader(rounds=own)(radiograph)["effusion"]
    assert plain.operating_point == 0.4
    rare = make_reader(rounds=own, prevalence={"effusion": 0.05})(radiograph)["effusion"]
    odds = 0.4 / 0.6 * (0.05 / 0.95) / (0.2 / 0.8)
    assert rare.operating_point == pytest.approx(odds / (1 + odds))
    vote = make_reader(rounds=Plan(rounds(()), "vote"))(radiograph)["effusion"]
    assert (vote.operating_point, vote.probability, vote.calibrated) == (0.5, 0.0, False) or (
        vote.operating_point,
        vote.probability,
    ) == (0.5, 1.0)


@pytest.mark.parametrize("how", JOINS)
@pytest.mark.parametrize("share", [0.001, 0.05, 0.7, 0.99])
def test_no_decision_hangs_on_the_prevalence(make_reader, radiograph, how, share):
    """Also where the operating point is closest to what the rounds say together, on either side."""
    shares = dict.fromkeys(make_reader().bundle.card.keys[:2], share)
    own = Plan(rounds((), DARKER, (FLIP,)), how, weights={"others": (1.0, 2.0, 3.0)})
    first = make_reader(rounds=own)(radiograph).predictions
    limit = sorted(p.spread for p in first)[1]
    for aside in (-1e-6, 1e-6):
        points = {p.finding: float(np.clip(p.probability + aside, 1e-3, 0.999)) for p in first}
        asked = replace(own, operating_points=points, abstain_above=limit)
        here = make_reader(rounds=asked)(radiograph)
        there = make_reader(rounds=asked, prevalence=shares)(radiograph)
        assert [p.present for p in there.predictions] == [p.present for p in here.predictions]
        assert [p.abstained for p in there.predictions] == [p.abstained for p in here.predictions]
        assert [p.spread for p in there.predictions] == [p.spread for p in here.predictions]
    assert len(here.abstained) == 1
    odds = here.rounds.probabilities / (1 - here.rounds.probabilities)
    other = there.rounds.probabilities / (1 - there.rounds.probabilities)
    assert np.ptp((other / odds)[:, 0]) == pytest.approx(0, abs=1e-6)
    assert (other != odds).any(axis=0).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"weights": {"pneumona": (1.0,), "others": (1.0,)}}, "weights: .*did you mean pneumonia"),
        ({"operating_points": {"efusion": 0.3}}, "operating_points: .*did you mean effusion"),
        ({"operating_points": {"others": 0.3}}, "operating_points: Unknown finding"),
        ({"operating_points": {"fracture": 0.3}}, "Unknown finding of this bundle 'fracture'"),
        ({"operating_points": {"effusion": 0.3, "Effusion": 0.3}}, "effusion stands twice"),
    ],
)
def test_findings_that_a_bundle_lacks_are_refused(tiny_bundle, part, message):
    with pytest.raises(RecipeError, match=message):
        Reader.of(tiny_bundle, rounds=Plan(rounds(()), **part))


def test_findings_may_be_named_by_label(tiny_bundle, tmp_path):
    own = Plan(rounds(()), operating_points={"Pleural effusion": 0.3})
    assert dict(Reader.of(tiny_bundle, rounds=own).rounds.operating_points) == {"effusion": 0.3}
    (tmp_path / "a.toml").write_text(written(own), "utf-8")
    assert plan(tmp_path / "a.toml") == own


def test_points_and_crops_that_cannot_be_are_refused_before_the_first_radiograph(tiny_bundle):
    edge = Plan(rounds(()), operating_points={"effusion": 1 - 1e-16})
    with pytest.raises(RecipeError, match="leaves no operating point between 0 and 1"):
        Reader.of(tiny_bundle, rounds=edge, prevalence={"effusion": 0.999999})
    crop = Step.of("crop", {"share": 0.3, "across": 0.5, "down": 0.5})
    with pytest.raises(RecipeError, match="at most 4,096 px a side are made"):
        Reader.of(tiny_bundle, rounds=Plan(rounds((), (crop,) * 6)))


def test_a_round_may_have_more_steps_than_python_calls(make_reader, radiograph):
    steps = (FLIP,) * 2000
    plain = make_reader(heatmaps=False)(radiograph).predictions
    found = make_reader(rounds=Plan(rounds(steps)), heatmaps=False)(radiograph).predictions
    assert [p.logit for p in found] == [p.logit for p in plain]


def test_a_mirrored_round_is_laid_back(make_reader, radiograph):
    """Reading the mirrored picture alone gives the heatmap of the mirrored picture, turned back."""
    square = radiograph.pixels[:80]  # padding is the same on both sides
    mirrored = Radiograph(np.ascontiguousarray(square[:, ::-1]), radiograph.source)
    expected = make_reader()(mirrored)
    found = make_reader(rounds=Plan(rounds((FLIP,))))(Radiograph(square, radiograph.source))
    for one, two in zip(expected.heatmaps, found.heatmaps, strict=True):
        np.testing.assert_allclose(two.values, one.values[:, ::-1], atol=1e-5)


def test_maps_laid_back_keep_what_they_added():
    maps = np.random.default_rng(0).random((2, 8, 8)).astype(np.float32)
    # The middle half of the plain input, shown twice as large.
    inner = Affine.scale(0.5, 0.5).then(Affine.shift(16, 16))
    laid = lay_back(maps, inner, (64, 64))
    assert laid.shape == maps.shape
    np.testing.assert_allclose(laid[:, :1].max(), 0)
    smooth = lay_back(np.ones((1, 8, 8), np.float32), inner, (64, 64))
    np.testing.assert_allclose(smooth.mean(), 1.0, rtol=0.15)
    assert lay_back(maps, Affine(), (64, 64)) is maps


def test_the_gate_sees_the_mean_of_the_rounds(make_reader, fake_gate, radiograph):
    gate = fake_gate()
    make_reader(gate, rounds=Plan(rounds((), DARKER)))(radiograph)
    one, two = fake_gate(), fake_gate()
    make_reader(one)(radiograph)
    make_reader(two, rounds=Plan(rounds(DARKER)))(radiograph)
    np.testing.assert_allclose(gate.seen[0], (one.seen[0] + two.seen[0]) / 2, rtol=1e-6)


def test_a_refused_radiograph_is_not_looked_at(make_reader, fake_gate, radiograph):
    gate = fake_gate(first=GateVerdict(reasons=(Note("lateral", "A lateral view."),)))
    refusal = make_reader(gate, rounds=plan("ten"))(radiograph)
    assert isinstance(refusal, Refusal)
    assert not gate.seen


def test_rounds_without_heatmaps_and_of_crops(make_reader, radiograph):
    reading = make_reader(rounds=plan("ten-crop"), heatmaps=False)(radiograph)
    assert isinstance(reading, Reading)
    assert reading.heatmaps == ()
    assert reading.rounds.probabilities.shape == (10, 3)
    maps = make_reader(rounds=plan("ten-crop"))(radiograph).heatmaps
    assert all(np.isfinite(one.values).all() for one in maps)


def test_a_reader_is_made_with_a_name(tiny_bundle):
    assert Reader.of(tiny_bundle, rounds="flip").rounds == plan("flip")
    own = Plan(ten(), "weighted", weights={"effusion": (1.0,) * 10})
    with pytest.raises(RecipeError, match="no weights for pneumonia and 1 more"):
        Reader.of(tiny_bundle, rounds=own)
