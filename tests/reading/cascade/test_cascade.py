"""A chain of bundles: who reads what, and what is unknown rather than absent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.bundles import available as shipped_bundles
from hilum.bundles import cascades, load, save
from hilum.bundles.card import HeatmapBoxes
from hilum.bundles.cascades import Cascade
from hilum.domain import FoundBox, GateVerdict, Note, Radiograph, Refusal, Source
from hilum.errors import CascadeError, RunError, UnknownName
from hilum.phantoms import draw_chest
from hilum.reading import CascadeReader, CascadeReading, CascadeRefusal, Reader
from hilum.reading.cascade import Chain
from hilum.reading.cascade.outcome import joined
from hilum.reading.rounds import Plan, plan
from hilum.transforms.rounds import RoundSet, Step
from hilum.transforms.rounds.sets import Round

NEGATIVE = {"finding": "covid.covid_19", "is": "negative"}
DARKER = (Step.of("multiply", {"by": 0.5}),)


@pytest.fixture(scope="session")
def radiograph():
    phantom = draw_chest(np.random.default_rng(1), size=(300, 280))
    return Radiograph(phantom.pixels, Source("a.png", "png", phantom.pixels.shape))


@pytest.fixture(scope="session")
def findings(fixed_bundle):
    return fixed_bundle("findings", effusion=0.9, mass=0.1, nodule=0.3)


@pytest.fixture(scope="session")
def covid(fixed_bundle):
    """Bundles that give COVID-19 some probability."""
    made = {}

    def make(probability, **options):
        key = (probability, *options)
        if key not in made:
            made[key] = fixed_bundle(
                "covid", covid_19=probability, fibrosis=0.1, hernia=0.1, **options
            )
        return made[key]

    return make


def chained(*stages) -> Cascade:
    return Cascade(name="mine", version="1.0.0", summary="Mine.", stages=stages)


def stage(name, bundle, when=None, **more):
    return {"name": name, "bundle": str(bundle.location), "when": when, **more}


def outcomes(item):
    return [step.outcome for step in item.steps]


def labels(item):
    return [p.finding for p in item.present]


def test_the_second_stage_reads_where_the_first_is_negative(covid, findings, radiograph):
    cascade = chained(stage("covid", covid(0.1)), stage("findings", findings, NEGATIVE))
    item = CascadeReader.of(cascade)(radiograph)
    assert isinstance(item, CascadeReading)
    assert outcomes(item) == ["read", "read"]
    assert labels(item) == ["effusion"]
    assert item["covid_19"].probability == pytest.approx(0.1)
    assert [p.finding for p in item.predictions][:4] == [
        "covid_19",
        "fibrosis",
        "hernia",
        "effusion",
    ]
    assert (item.complete, item.untold) == (True, {})
    assert item.told_by["mass"] == "findings"
    assert len(item.reading.heatmaps) == 6
    assert item.reading.bundle == "mine 1.0.0"


def test_not_asked_is_not_negative(covid, findings, radiograph):
    cascade = chained(stage("covid", covid(0.8)), stage("findings", findings, NEGATIVE))
    item = CascadeReader.of(cascade)(radiograph)
    assert outcomes(item) == ["read", "not-asked"]
    assert labels(item) == ["covid_19"]
    assert set(item.untold) == {"effusion", "mass", "nodule"}
    assert item.complete
    with pytest.raises(
        KeyError, match="'mass' is unknown, not absent: stage findings is not asked"
    ):
        item["mass"]
    assert item.heatmap("mass") is None
    with pytest.raises(KeyError, match="this cascade has"):
        item.step("other")
    assert item.step("findings").because == (
        "it reads where covid.covid_19 is negative; here covid.covid_19 is positive (80.0 %)."
    )
    note = next(n for n in item.reading.notes if n.code == "stage-not-asked")
    assert not note.warning


def test_an_abstention_is_neither(covid, findings, radiograph):
    band = {"abstain": {"covid_19": (0.1, 0.5)}}
    first = stage("covid", covid(0.3), **band)
    item = CascadeReader.of(chained(first, stage("findings", findings, NEGATIVE)))(radiograph)
    assert outcomes(item) == ["read", "not-asked"]
    assert [p.finding for p in item.reading.abstained] == ["covid_19"]
    assert not item.complete
    assert "no decision on COVID-19 (30.0 %)" in item.reading.notes[-2].message
    doubtful = {"finding": "covid.covid_19", "is": "abstained"}
    item = CascadeReader.of(chained(first, stage("findings", findings, doubtful)))(radiograph)
    assert outcomes(item) == ["read", "read"]
    not_positive = {"not": {"finding": "covid.covid_19", "is": "positive"}}
    item = CascadeReader.of(chained(first, stage("findings", findings, not_positive)))(radiograph)
    assert outcomes(item) == ["read", "read"]
    assert not item.complete  # COVID-19 is undecided all the same


@pytest.fixture(scope="session")
def drawing(fixed_bundle, tmp_path_factory):
    """``drawing("first", effusion=0.9, …)``: it draws boxes of effusions and masses by heatmaps."""
    likely = [[0.1, 0.5, 0.4, 0.9], [0.6, 0.5, 0.9, 0.9]]

    def make(name, **said):
        kinds = [{"key": key, "likely": likely} for key in ("effusion", "mass") if key in said]
        rule = HeatmapBoxes.model_validate({"findings": kinds, "trust": 1.0, "rule": "given"})
        plain = fixed_bundle(name, **said)
        card = plain.card.model_copy(update={"heatmap_boxes": rule})
        files = {"model.onnx": (plain.location / "model.onnx").read_bytes()}
        return save(card, files, tmp_path_factory.mktemp("drawing") / name)

    return make


@pytest.mark.parametrize("said", [0.9, 0.3], ids=["present", "absent"])
def test_a_finding_that_abstains_has_no_box(drawing, radiograph, said):
    bundle = drawing("first", effusion=said, mass=0.8, nodule=0.1)
    plain = CascadeReader.of(chained(stage("one", bundle)), boxes=True)(radiograph)
    drawn = [box.finding for box in plain.reading.boxes]
    assert drawn == (["effusion", "mass"] if said > 0.4 else ["mass"])
    unsure = stage("one", bundle, abstain={"effusion": (0.2, 0.95)})
    item = CascadeReader.of(chained(unsure), boxes=True)(radiograph)
    assert [p.finding for p in item.reading.abstained] == ["effusion"]
    assert [box.finding for box in item.reading.boxes] == ["mass"]
    assert item.reading.boxed == item.step("one").reading.boxed == ("mass",)
    assert item.boxed_by == {"mass": "one"}


@pytest.mark.parametrize("later", [0.1, 0.9], ids=["absent", "present"])
@pytest.mark.parametrize("draws", [False, True])
def test_a_heatmap_box_is_of_the_stage_that_speaks(drawing, fixed_bundle, radiograph, later, draws):
    first = drawing("first", effusion=0.9, mass=0.8, nodule=0.1)
    make = drawing if draws else fixed_bundle
    second = make("second", effusion=later, fibrosis=0.1, hernia=0.1)
    chain = chained(stage("one", first), stage("two", second))
    item = CascadeReader.of(chain, boxes=True)(radiograph)
    assert item["effusion"].present == (later == 0.9)
    expected = {"mass": "one"} | ({"effusion": "two"} if draws else {})
    assert item.boxed_by == expected
    assert set(item.reading.boxed) == set(expected)
    drawn = {box.finding for box in item.reading.boxes}
    assert drawn == {"mass"} | ({"effusion"} if draws and later == 0.9 else set())
    assert {box.finding for box in item.step("one").reading.boxes} == {"effusion", "mass"}


def test_boxes_of_a_detector_stay_whoever_speaks(covid, findings, radiograph):
    cascade = chained(stage("covid", covid(0.1)), stage("findings", findings, NEGATIVE))
    first, second = CascadeReader.of(cascade)(radiograph).steps
    boxes = (FoundBox("mass", 0.9, (1, 2, 30, 40), "detector"),
             FoundBox("opacity", 0.2, (5, 5, 9, 9), "detector"))  # fmt: skip
    first = replace(first, reading=replace(first.reading, boxed=("mass", "opacity"), boxes=boxes))
    both = joined([first, second], name="mine 1.0.0", digest="ab" * 32)
    assert not both["mass"].present
    assert both.reading.boxes == boxes
    assert both.boxed_by == {"mass": "covid", "opacity": "covid"}


def test_behind_a_refusal_nobody_reads_unless_told_to(covid, findings, radiograph):
    first = stage("covid", covid(0.1, refuses=True))
    item = CascadeReader.of(chained(first, stage("findings", findings, NEGATIVE)))(radiograph)
    assert isinstance(item, CascadeRefusal)
    assert isinstance(item, Refusal)
    assert outcomes(item) == ["refused", "undecided"]
    assert (item.stage, item.reasons[0].code) == ("gate", "not-a-frontal-chest")
    or_refused = {"any": [NEGATIVE, {"stage": "covid", "is": "refused"}]}
    item = CascadeReader.of(chained(first, stage("findings", findings, or_refused)))(radiograph)
    assert isinstance(item, CascadeReading)
    assert outcomes(item) == ["refused", "read"]
    assert not item.complete
    with pytest.raises(KeyError, match="stage covid is refused"):
        item["covid_19"]
    assert item.reading.notes[-1].code == "stage-refused"
    assert item.reading.notes[-1].warning


def test_a_refusal_of_a_later_stage_is_told(covid, fixed_bundle, radiograph):
    last = fixed_bundle("findings", effusion=0.9, mass=0.1, nodule=0.3, refuses=True)
    cascade = chained(stage("covid", covid(0.1)), stage("findings", last, NEGATIVE))
    item = CascadeReader.of(cascade)(radiograph)
    assert outcomes(item) == ["read", "refused"]
    assert labels(item) == []
    assert not item.complete
    assert item.step("findings").refusal.reasons[0].code == "not-a-frontal-chest"


def test_behind_a_stage_that_was_not_asked_a_stage_is_not_asked(covid, findings, fixed_bundle,
                                                              radiograph):  # fmt: skip
    last = fixed_bundle("last", edema=0.9, pneumonia=0.1, cardiomegaly=0.3)
    for when in (
        {"finding": "findings.mass", "is": "negative"},
        {"not": {"finding": "findings.mass", "is": "positive"}},
        {"finding": "findings.mass", "probability_below": 0.5},
    ):
        cascade = chained(
            stage("covid", covid(0.8)), stage("findings", findings, NEGATIVE),
            stage("last", last, when),
        )  # fmt: skip
        item = CascadeReader.of(cascade)(radiograph)
        assert outcomes(item) == ["read", "not-asked", "not-asked"]
        assert item.complete
    when = {"stage": "findings", "is": "not-asked"}
    cascade = chained(
        stage("covid", covid(0.8)), stage("findings", findings, NEGATIVE), stage("last", last, when)
    )
    assert outcomes(CascadeReader.of(cascade)(radiograph)) == ["read", "not-asked", "read"]


@pytest.mark.parametrize(
    ("when", "reads"),
    [
        ({"finding": "covid.covid_19", "probability_below": 0.3}, False),
        ({"finding": "covid.covid_19", "probability_at_least": 0.29}, True),
        ({"all": [NEGATIVE, {"finding": "covid.hernia", "is": "positive"}]}, False),
        ({"any": [NEGATIVE, {"finding": "covid.hernia", "is": "positive"}]}, True),
        ({"not": NEGATIVE}, False),
        ({"stage": "covid", "is": "read"}, True),
        ({"stage": "covid", "is": "refused"}, False),
    ],
)
def test_conditions(covid, findings, radiograph, when, reads):
    cascade = chained(stage("covid", covid(0.3)), stage("findings", findings, when))
    item = CascadeReader.of(cascade)(radiograph)
    assert outcomes(item) == ["read", "read" if reads else "not-asked"]


def test_unknown_goes_through_all_and_any_as_it_should(covid, findings, fixed_bundle, radiograph):
    """Behind a refusal: *all* with a part that is no is no, *any* with one that is yes is yes."""
    first, last = covid(0.1, refuses=True), fixed_bundle("l", edema=0.1, pneumonia=0.1, mass=0.1)
    no, yes = ({"finding": f"findings.{key}", "is": "positive"} for key in ("mass", "effusion"))
    expected = {"all": [(yes, "undecided"), (no, "not-asked")],
                "any": [(yes, "read"), (no, "undecided")]}  # fmt: skip
    for word, cases in expected.items():
        for other, outcome in cases:
            cascade = chained(
                stage("covid", first),
                stage("findings", findings),
                stage("last", last, {word: [NEGATIVE, other]}),
            )
            item = CascadeReader.of(cascade)(radiograph)
            assert outcomes(item) == ["refused", "read", outcome], (word, other)


def test_where_two_read_a_finding_the_later_speaks(covid, fixed_bundle, radiograph):
    again = fixed_bundle("again", covid_19=0.7, mass=0.1, nodule=0.1)
    doubtful = {"finding": "covid.covid_19", "is": "abstained"}
    first = stage("covid", covid(0.3), abstain={"covid_19": (0.2, 0.5)})
    item = CascadeReader.of(chained(first, stage("again", again, doubtful)))(radiograph)
    assert item["covid_19"].probability == pytest.approx(0.7)
    assert item.told_by["covid_19"] == "again"
    assert item.complete
    assert [p.finding for p in item.predictions].count("covid_19") == 1
    assert [h.finding for h in item.reading.heatmaps].count("covid_19") == 1
    assert "abstained" not in {n.code for n in item.reading.notes}
    assert item.step("covid").reading["covid_19"].abstained


def test_the_picture_is_decoded_and_checked_once(covid, findings, radiograph, monkeypatch):
    from hilum.reading.gate import checks

    seen = []
    real = checks.measure
    monkeypatch.setattr(checks, "measure", lambda pixels: seen.append(1) or real(pixels))
    cascade = chained(stage("covid", covid(0.1)), stage("findings", findings, NEGATIVE))
    item = CascadeReader.of(cascade)(radiograph)
    assert outcomes(item) == ["read", "read"]
    assert len(seen) == 1


def test_a_bundle_in_two_stages_is_loaded_and_run_once(findings, radiograph, monkeypatch):
    calls = []
    real = Reader.__call__
    monkeypatch.setattr(Reader, "__call__", lambda *a, **k: calls.append(1) or real(*a, **k))
    when = {"finding": "one.effusion", "is": "positive"}
    reader = CascadeReader.of(chained(stage("one", findings), stage("two", findings, when)))
    assert reader.readers[0] is reader.readers[1]
    assert outcomes(reader(radiograph)) == ["read", "read"]
    assert len(calls) == 1


def test_a_bundle_in_two_stages_says_each_finding_once(findings, radiograph):
    when = {"finding": "one.effusion", "probability_at_least": 0.1}
    cascade = chained(stage("one", findings), stage("two", findings, when))
    item = CascadeReader.of(cascade)(radiograph)
    assert outcomes(item) == ["read", "read"]
    assert [p.finding for p in item.predictions] == ["effusion", "mass", "nodule"]
    assert labels(item) == ["effusion"]
    assert len(item.reading.heatmaps) == 3
    assert set(item.told_by.values()) == {"two"}


def test_a_bundle_in_two_stages_leaves_a_finding_open_once(findings, radiograph):
    disagreeing = RoundSet("own", (Round("plain", ()), Round("dark", DARKER)))
    cascade = chained(stage("one", findings), stage("two", findings))
    item = CascadeReader.of(cascade, rounds=Plan(disagreeing, abstain_above=0.0))(radiograph)
    assert {p.finding for p in item.reading.abstained} == {"effusion", "mass", "nodule"}
    told = [n.message for n in item.reading.notes if n.code == "abstained"]
    assert [message.split(" (")[0] for message in told] == ["Stage two"]


def test_the_same_as_the_bundles_alone(covid, findings, radiograph):
    cascade = chained(stage("covid", covid(0.1)), stage("findings", findings, NEGATIVE))
    item = CascadeReader.of(cascade)(radiograph)
    for bundle in (covid(0.1), findings):
        alone = Reader.of(bundle)(radiograph)
        assert [item[p.finding] for p in alone.predictions] == list(alone.predictions)
        for heatmap in alone.heatmaps:
            np.testing.assert_array_equal(item.heatmap(heatmap.finding).values, heatmap.values)


def test_files_that_are_none_and_pictures_that_are_none(covid, findings, tmp_path):
    reader = CascadeReader.of(
        chained(stage("covid", covid(0.1)), stage("findings", findings, NEGATIVE))
    )
    (tmp_path / "a.dcm").write_text("no picture")
    assert reader.read(tmp_path / "a.dcm").stage == "intake"
    blank = Radiograph(np.zeros((300, 300), np.float32), Source("b.png", "png", (300, 300)))
    refusal = reader(blank)
    assert (type(refusal), refusal.stage) == (Refusal, "gate")


def test_a_note_of_one_stage_names_it(covid, findings, radiograph):
    reader = CascadeReader.of(
        chained(stage("covid", covid(0.1)), stage("findings", findings, NEGATIVE))
    )

    class Flagging:
        def look(self, radiograph):
            return GateVerdict()

        def judge(self, verdict, features):
            return GateVerdict(flags=(Note("unusual", "It is unusual."),), distance=1.2)

    first = replace(reader.readers[0], gate=Flagging())
    item = replace(reader, readers=(first, reader.readers[1]))(radiograph)
    notes = {note.code: note.message for note in item.reading.notes}
    assert notes["unusual"] == "Stage covid: It is unusual."


def test_a_prevalence_goes_to_every_stage_that_reads_the_finding(covid, findings, radiograph):
    cascade = chained(stage("covid", covid(0.1)), stage("findings", findings, NEGATIVE))
    reader = CascadeReader.of(cascade, prevalence={"Covid-19": 0.02, "mass": 0.3})
    assert reader.prevalence == "covid_19=0.02, mass=0.3"
    item = reader(radiograph)
    assert item.reading.prevalence == "covid_19=0.02, mass=0.3"
    assert item["covid_19"].probability < 0.1
    assert item["mass"].probability > 0.1
    with pytest.raises(UnknownName, match="Unknown finding of this cascade 'masss'"):
        CascadeReader.of(cascade, prevalence={"masss": 0.1})
    with pytest.raises(RunError, match="between 0 and 1"):
        CascadeReader.of(cascade, prevalence={"mass": 1.5})


def test_every_fault_of_the_bundles_is_told_at_once(covid, findings, fixed_bundle):
    pointless = fixed_bundle("pointless", point=0.5, edema=0.1, pneumonia=0.1, mass=0.1)
    cascade = chained(
        stage("covid", covid(0.1), abstain={"covid": (0.1, 0.2)}),
        {"name": "lost", "bundle": "chest15"},
        {"name": "lungs", "bundle": "lungs"},
        stage("pointless", pointless),
        stage("last", findings, {"all": [
            {"finding": "covid.covid19", "is": "negative"},
            {"finding": "pointless.mass", "is": "negative"},
            {"finding": "pointless.mass", "probability_below": 0.2},
            {"finding": "pointless.mass", "is": "abstained"},
            {"finding": "lost.mass", "is": "positive"},
        ]}),
    )  # fmt: skip
    with pytest.raises(CascadeError) as error:
        Chain.of(cascade)
    message = str(error.value)
    assert message.startswith("mine: 5 faults in the cascade:")
    for part in (
        "stage covid: Unknown finding of bundle covid 1.2.3 to abstain on 'covid'; did you mean",
        "stage lost: Unknown bundle 'chest15'; did you mean chest14",
        "stage lungs: bundle lungs",
        "stage last: its condition “covid.covid19 is negative”: Unknown finding of bundle covid",
        "in stage covid 'covid19'; did you mean covid_19?",
        "has no operating point of mass that was chosen",
    ):
        assert part in message


def test_the_digest_tells_chains_apart(covid, findings):
    one = chained(stage("covid", covid(0.1)), stage("findings", findings, NEGATIVE))
    other = chained(stage("covid", covid(0.1)), stage("findings", findings))
    third = chained(stage("covid", covid(0.8)), stage("findings", findings, NEGATIVE))
    digests = {Chain.of(cascade).digest for cascade in (one, other, third)}
    assert len(digests) == 3
    assert Chain.of(one).digest in digests


def test_rounds_are_read_at_every_stage(covid, findings, radiograph):
    cascade = chained(stage("covid", covid(0.1)), stage("findings", findings, NEGATIVE))
    item = CascadeReader.of(cascade, rounds="flip")(radiograph)
    assert all(step.reading.rounds is not None for step in item.steps)


BAND = {"abstain": {"covid_19": (0.2, 0.5)}}
BELOW = {"finding": "covid.covid_19", "probability_below": 0.3}


@pytest.mark.parametrize("join", ["vote", "maximum"])
@pytest.mark.parametrize(
    ("band", "when", "told"),
    [
        (BAND, NEGATIVE, "stage covid abstains on covid_19 in a band"),
        ({}, BELOW, "stage findings reads on the probability of covid.covid_19 below 0.3"),
        ({}, {"any": [NEGATIVE, {"not": BELOW}]}, "stage findings reads on the probability"),
    ],
)
def test_what_is_no_probability_is_not_judged_as_one(covid, findings, join, band, when, told):
    cascade = chained(stage("covid", covid(0.3), **band), stage("findings", findings, when))
    with pytest.raises(CascadeError, match=f"{told}.*joined by {join} give none"):
        CascadeReader.of(cascade, rounds=plan("flip", join=join))


@pytest.mark.parametrize("join", ["mean", "vote", "maximum", "trimmed", "weighted"])
def test_every_join_goes_with_decisions_and_those_of_probabilities_with_all(
    covid, findings, radiograph, join
):
    rounds = Plan(plan("flip").rounds, join, weights={"others": (1.0, 2.0)})
    said = [({}, NEGATIVE)]
    said += [(BAND, BELOW)] if join in ("mean", "trimmed", "weighted") else []
    for band, when in said:
        cascade = chained(stage("covid", covid(0.1), **band), stage("findings", findings, when))
        item = CascadeReader.of(cascade, rounds=rounds)(radiograph)
        assert outcomes(item) == ["read", "read"]


@pytest.mark.parametrize("name", cascades.available())
def test_every_shipped_cascade_resolves(name):
    """Every bundle is there, reads what conditions ask for, and has an operating point for it."""
    chain = Chain.of(name)
    assert chain.name == name
    for one in chain.stages:
        assert one.bundle.card.findings


def test_shipped_bundles_may_stand_behind_each_other(radiograph):
    """Any bundle that reads findings behind any other, on its first finding."""
    names = [name for name in shipped_bundles() if load(name).card.findings]
    for first in names:
        key = load(first).card.keys[0]
        for second in names:
            when = {"finding": f"one.{key}", "probability_at_least": 0.001}
            said = [{"name": "one", "bundle": first},
                    {"name": "two", "bundle": second, "when": when}]  # fmt: skip
            item = CascadeReader.of(chained(*said))(radiograph)
            assert item.steps[0].stage == "one"
