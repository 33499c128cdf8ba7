"""The files of a run with a cascade: what nobody told never looks like a normal chest."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

from hilum.bundles.cascades import Cascade
from hilum.domain import FoundBox, Note, Radiograph, Refusal, Source
from hilum.errors import CascadeError, RunError
from hilum.phantoms import draw_chest
from hilum.reading import CascadeReader
from hilum.reading.cascade.outcome import joined
from hilum.report.folder import OutputFolder
from tests.report.test_browser import drive

NEGATIVE = {"finding": "covid.covid_19", "is": "negative"}


def table(path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def bundles(fixed_bundle):
    findings = {"effusion": 0.9, "pleural_thickening": 0.7, "nodule": 0.3}
    nothing = {"effusion": 0.1, "pleural_thickening": 0.1, "nodule": 0.1}
    made = {
        name: fixed_bundle(name, covid_19=p, fibrosis=0.1, hernia=0.1)
        for name, p in (("positive", 0.8), ("negative", 0.15), ("doubtful", 0.3))
    }
    made["findings"] = fixed_bundle("findings", **findings)
    made["normal"] = fixed_bundle("normal", **nothing)
    made["refusing"] = fixed_bundle("refusing", refuses=True, **findings)
    made["blind"] = fixed_bundle("blind", refuses=True, covid_19=0.1, fibrosis=0.1, hernia=0.1)
    return made


@pytest.fixture(scope="module")
def pixels():
    return draw_chest(np.random.default_rng(1), size=(300, 280)).pixels


def reader(bundles, first, second, *, name="mine", when=NEGATIVE, **more):
    stages = [
        {"name": "covid", "bundle": str(bundles[first].location), **more},
        {"name": "findings", "bundle": str(bundles[second].location), "when": when},
    ]
    cascade = Cascade(name=name, version="1.0.0", summary="A cascade for tests.", stages=stages)
    return CascadeReader.of(cascade, keep_radiograph=True)


@pytest.fixture(scope="module")
def out(bundles, pixels, tmp_path_factory):
    """One run of a cascade, with images that met every outcome.

    Bundles of the tests say the same of every picture, so each image has a chain of its own; all
    have the same stages and findings.
    """
    band = {"abstain": {"covid_19": (0.2, 0.35)}}
    chains = {
        "covid.png": ("positive", "findings"),
        "found.png": ("negative", "findings"),
        "normal.png": ("negative", "normal"),
        "abstained.png": ("doubtful", "findings"),
        "refused-second.png": ("negative", "refusing"),
        "refused-first.png": ("blind", "findings"),
    }
    folder = tmp_path_factory.mktemp("cascade") / "out"
    own = reader(bundles, "negative", "findings", **band)
    with OutputFolder.open(folder, bundle=own) as run:
        for name, (first, second) in chains.items():
            radiograph = Radiograph(pixels, Source(name, "png", pixels.shape))
            item = reader(bundles, first, second, **band)(radiograph)
            run.add(run.draw(item))
        damaged = Refusal("damaged.dcm", "intake", (Note("damaged", "It ends early."),))
        run.add(run.draw(damaged))
        run.finish()
        assert run.in_part() == {"abstained": 1, "stage-refused": 1}
        assert run.refused() == {"not-a-frontal-chest": 1, "damaged": 1}
    return folder


def test_the_csv_is_that_of_the_study(out):
    assert (out / "readings.csv").read_text("utf-8") == (
        "Image Index,Predict label\n"
        "covid.png,Covid-19\n"
        "found.png,Effusion Pleural_Thickening\n"
        "normal.png,\n"
    )


def test_every_image_stands_in_one_of_two_tables(out):
    rows = {row[0]: row[1:3] for row in table(out / "refused.csv")[1:]}
    assert rows == {
        "abstained.png": ["covid", "abstained"],
        "damaged.dcm": ["intake", "damaged"],
        "refused-first.png": ["gate", "not-a-frontal-chest"],
        "refused-second.png": ["findings", "stage-refused"],
    }


def test_not_asked_is_no_absence_in_the_table_of_findings(out):
    head, *rows = table(out / "findings.csv")
    assert head[-1] == "stage"
    said = {(r[0], r[1]): r for r in rows}
    assert said["covid.png", "covid_19"][4:] == ["present", "yes", "covid"]
    assert said["covid.png", "effusion"][2:] == ["", "0.4", "not-asked", "yes", "findings"]
    assert said["abstained.png", "covid_19"][4] == "abstained"
    assert said["refused-second.png", "nodule"][2:5] == ["", "0.4", "refused"]
    assert said["normal.png", "nodule"][4] == "absent"
    assert len(rows) == 6 * 5


def test_each_stage_keeps_its_own_files(out):
    images = {"covid.png", "found.png", "normal.png", "abstained.png", "refused-second.png",
              "refused-first.png", "damaged.dcm"}  # fmt: skip
    for stage in ("covid", "findings"):
        names = [
            row[0]
            for file in ("readings.csv", "refused.csv", "not_asked.csv")
            for row in table(out / "stages" / stage / file)[1:]
        ]
        assert (len(names), set(names)) == (7, images)
    covid = table(out / "stages" / "covid" / "readings.csv")
    assert covid[0] == ["Image Index", "Predict label"]
    assert ["covid.png", "Covid-19"] in covid
    assert ["refused-second.png", ""] in covid
    assert table(out / "stages" / "covid" / "refused.csv")[1][:3] == [
        "abstained.png", "decision", "abstained"
    ]  # fmt: skip
    asked = {row[0]: row[1] for row in table(out / "stages" / "findings" / "not_asked.csv")[1:]}
    assert asked == {
        "abstained.png": "not-asked", "covid.png": "not-asked", "refused-first.png": "undecided"
    }  # fmt: skip
    assert len(table(out / "stages" / "findings" / "findings.csv")) == 1 + 2 * 3


def test_the_json_keeps_to_its_schema(out):
    document = json.loads((out / "readings.json").read_text("utf-8"))
    schema = json.loads((files("hilum.report") / "schema/readings.schema.json").read_text("utf-8"))
    jsonschema.validate(document, schema)
    assert document["bundle"]["name"] == "mine"
    assert document["counts"] == {"read": 5, "refused": 2, "passed_over": 0, "in_part": 2}
    stages = document["cascade"]["stages"]
    assert [s["when"] for s in stages] == [None, "covid.covid_19 is negative"]
    covid = next(r for r in document["readings"] if r["image"] == "covid.png")
    assert [s["outcome"] for s in covid["stages"]] == ["read", "not-asked"]
    assert {p["stage"] for p in covid["predictions"]} == {"covid"}
    assert {p["finding"] for p in covid["predictions"]} == {"covid_19", "fibrosis", "hernia"}


def test_predictions_of_what_was_not_asked_are_missing_not_zero(out):
    from hilum.datasets.predictions.load import read_predictions

    said = read_predictions(out)
    at = said.images.tolist().index("covid.png")
    values = dict(zip(said.findings, said.values[at], strict=True))
    assert values["covid_19"] == pytest.approx(0.8)
    assert np.isnan(values["effusion"])
    assert said.thresholds["effusion"] == 0.4
    assert said.refused["refused-first.png"] == "not-a-frontal-chest"


def test_what_each_round_said_stands_with_each_stage(bundles, pixels, tmp_path, out):
    stages = [
        {"name": "covid", "bundle": str(bundles["negative"].location)},
        {"name": "findings", "bundle": str(bundles["findings"].location), "when": NEGATIVE},
        {"name": "never", "bundle": str(bundles["findings"].location),
         "when": {"finding": "covid.covid_19", "is": "positive"}},
    ]  # fmt: skip
    cascade = Cascade(name="mine", version="1.0.0", summary="A cascade for tests.", stages=stages)
    own = CascadeReader.of(cascade, keep_radiograph=True, rounds="flip")
    item = own(Radiograph(pixels, Source("a.png", "png", pixels.shape)))
    with OutputFolder.open(tmp_path / "out", bundle=own) as run:
        run.add(run.draw(item))
        run.finish()
    for stage, keys in (("covid", ("covid_19", "fibrosis", "hernia")),
                        ("findings", ("effusion", "pleural_thickening", "nodule"))):  # fmt: skip
        head, *rows = table(tmp_path / "out" / "stages" / stage / "rounds.csv")
        assert head == ["image", "finding", "spread", "round", "probability"]
        rounds = item.step(stage).reading.rounds
        assert [(r[0], r[1], r[3]) for r in rows] == [
            ("a.png", key, name) for key in keys for name in rounds.names
        ]
        said = np.array([float(r[4]) for r in rows]).reshape(len(keys), -1).T
        np.testing.assert_allclose(said, rounds.probabilities, rtol=1e-8)
    assert len(table(tmp_path / "out" / "stages" / "never" / "rounds.csv")) == 1
    assert not (tmp_path / "out" / "rounds.csv").exists()
    assert not (out / "stages" / "covid" / "rounds.csv").exists()
    document = json.loads((tmp_path / "out" / "readings.json").read_text("utf-8"))
    schema = json.loads((files("hilum.report") / "schema/readings.schema.json").read_text("utf-8"))
    jsonschema.validate(document, schema)
    assert ["rounds" in s for s in document["readings"][0]["stages"]] == [True, True, False]


def test_a_bundle_in_two_stages_has_one_row_a_finding(bundles, pixels, tmp_path):
    where = str(bundles["findings"].location)
    when = {"finding": "one.effusion", "is": "positive"}
    stages = [{"name": "one", "bundle": where}, {"name": "two", "bundle": where, "when": when}]
    cascade = Cascade(name="mine", version="1.0.0", summary="A cascade for tests.", stages=stages)
    own = CascadeReader.of(cascade, keep_radiograph=True)
    with OutputFolder.open(tmp_path / "out", bundle=own) as run:
        run.add(run.draw(own(Radiograph(pixels, Source("a.png", "png", pixels.shape)))))
        run.finish()
    assert table(tmp_path / "out" / "readings.csv")[1] == ["a.png", "Effusion Pleural_Thickening"]
    rows = table(tmp_path / "out" / "findings.csv")[1:]
    assert [(r[1], r[-1]) for r in rows] == [
        ("effusion", "two"), ("pleural_thickening", "two"), ("nodule", "two")
    ]  # fmt: skip


def test_another_chain_does_not_go_on(out, bundles, tmp_path):
    shutil.copytree(out, tmp_path / "again")
    with pytest.raises(RunError, match=r"were made with bundle mine 1\.0\.0"):
        OutputFolder.open(
            tmp_path / "again", bundle=reader(bundles, "positive", "findings"), resume=True
        )


def test_heatmaps_are_of_what_was_told(out):
    assert sorted(p.name for p in (out / "heatmaps").iterdir()) == [
        "abstained.png.covid_19.jpg",
        "covid.png.covid_19.jpg",
        "found.png.effusion.jpg",
        "found.png.pleural_thickening.jpg",
        "normal.png.covid_19.jpg",
        "refused-second.png.covid_19.jpg",
    ]


def test_boxes_of_every_stage_come_together_and_the_later_speaks(bundles, pixels, tmp_path):
    own = reader(bundles, "negative", "findings", name="boxed")
    item = own(Radiograph(pixels, Source("a.png", "png", pixels.shape)))
    first = (FoundBox("nodule", 0.9, (1, 2, 30, 40), "detector"),
             FoundBox("effusion", 0.2, (5, 5, 9, 9), "detector"))  # fmt: skip
    last = (FoundBox("nodule", 0.4, (50, 60, 20, 20), "heatmap"),)
    found = {"covid": (("nodule", "effusion"), first), "findings": (("nodule",), last)}
    steps = [
        replace(s, reading=replace(s.reading, boxed=found[s.stage][0], boxes=found[s.stage][1]))
        for s in item.steps
    ]
    both = joined(steps, name="boxed 1.0.0", digest="ab" * 32)
    assert both.boxed_by == {"nodule": "findings", "effusion": "covid"}
    assert both.reading.boxed == ("nodule", "effusion")
    assert both.reading.boxes == (last[0], first[1])
    out = tmp_path / "out"
    with OutputFolder.open(out, bundle=own, boxes=True) as run:
        run.add(run.draw(both))
        run.finish()
    document = json.loads((out / "readings.json").read_text("utf-8"))
    schema = json.loads((files("hilum.report") / "schema/readings.schema.json").read_text("utf-8"))
    jsonschema.validate(document, schema)
    (record,) = document["readings"]
    assert [(b["finding"], b["stage"]) for b in record["boxes"]] == [
        ("nodule", "findings"), ("effusion", "covid")
    ]  # fmt: skip
    assert [row[1:3] for row in table(out / "boxes.csv")[1:]] == [
        ["nodule", "0.4"], ["effusion", "0.2"]
    ]  # fmt: skip
    assert [row[1:3] for row in table(out / "stages" / "covid" / "boxes.csv")[1:]] == [
        ["nodule", "0.9"], ["effusion", "0.2"]
    ]  # fmt: skip


def test_a_chain_that_draws_no_boxes_says_so(bundles):
    stages = [{"name": "covid", "bundle": str(bundles["negative"].location)}]
    cascade = Cascade(name="mine", version="1.0.0", summary="For tests.", stages=stages)
    with pytest.raises(CascadeError, match="no bundle of mine draws boxes"):
        CascadeReader.of(cascade, boxes=True)


def test_the_page_shows_the_chain_and_every_card(out):
    text = (out / "report.html").read_text("utf-8")
    assert "reads where</span> covid.covid_19 is negative" in text
    assert 'href="#bundle-findings"' in text
    assert '<section id="bundle-covid"' in text
    index = next(
        json.loads(part)
        for part in re.findall(r'class="part">(.*?)</script>', text, re.S)
        if '"index"' in part
    )
    assert index["states"] == {
        "0": "a..nnn",  # abstained.png
        "1": "...nnn",  # covid.png
        "4": "...rrr",  # refused-second.png
    }


@pytest.mark.browser
@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_the_page_in_a_browser(out, tmp_path):
    shutil.copytree(out, tmp_path / "out")
    seen = drive(
        tmp_path / "out" / "report.html",
        """
        const all = (what) => [...document.querySelectorAll(what)].map((x) => x.textContent);
        seen.names = names(); seen.cells = all("#rows td:nth-child(3)");
        set("#f-present", "none"); seen.none = names();
        click("#filters [type=reset]"); await until(() => names().length > 3);
        click('[data-sort="column"]'); set("#f-column", "3"); seen.effusion = names();
        seen.shown = all("#rows td:nth-child(4)");
        click("#filters [type=reset]");
        await until(() => text("#column-name") === "Strongest finding");
        click('[data-sort="name"]'); await until(() => names()[0] === "abstained.png");
        document.querySelectorAll("#rows .name")[1].click();
        await until(() => text("#v-notes").includes("Stages"));
        seen.verdict = text("#v-verdict"); seen.stages = text("#v-notes");
        seen.last = all("#v-findings button").slice(-3);
        """,
        tmp_path,
    )
    assert seen["names"] == [
        "abstained.png", "covid.png", "found.png", "normal.png", "refused-second.png"
    ]  # fmt: skip
    assert seen["cells"] == [
        "no decision: COVID-19not asked: Pleural effusion · Pleural thickening · Nodule",
        "COVID-1980.0 %not asked: Pleural effusion · Pleural thickening · Nodule",
        "Pleural effusion90.0 %Pleural thickening70.0 %",
        "No finding above its operating point",
        "unknown, its stage refused the image: Pleural effusion · Pleural thickening · Nodule",
    ]
    assert seen["none"] == ["normal.png"]
    assert seen["effusion"][:2] == ["found.png", "normal.png"]
    assert seen["shown"][2:] == [
        "Pleural effusionnot asked",
        "Pleural effusionnot asked",
        "Pleural effusionunknown, its stage refused the image",
    ]
    assert seen["verdict"].startswith("Present: COVID-19not asked")
    assert "findings – not asked: it reads where covid.covid_19 is negative" in seen["stages"]
    assert seen["last"] == [f"{n}not asked" for n in
                            ("Pleural effusion", "Pleural thickening", "Nodule")]  # fmt: skip
