"""``hilum read --rounds`` from the command line."""

from __future__ import annotations

import csv
import json

import cv2
import jsonschema
import numpy as np
import pytest


@pytest.fixture
def chest(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    grain = np.random.default_rng(0).random((9, 8), np.float32)
    pixels = cv2.resize(grain, (256, 288), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    cv2.imwrite(str(place / "a.png"), np.rint(255 * pixels).astype("u1"))
    return place


@pytest.fixture
def lenient(monkeypatch):
    """Every picture passes the gate: the tiny bundle knows no chests."""
    from hilum.domain import GateVerdict
    from hilum.reading import Gate

    monkeypatch.setattr(Gate, "look", lambda self, radiograph: GateVerdict())


def test_rounds_leave_a_table_and_a_spread(
    hilum, chest, lenient, tiny_bundle, tmp_path, repository
):
    out = tmp_path / "out"
    done = hilum("read", chest, "-o", out, "--bundle", tiny_bundle.location, "--rounds", "ten",
                 "--join", "trimmed")  # fmt: skip
    assert done.status == 0, done.err
    rows = list(csv.DictReader((out / "rounds.csv").read_text().splitlines()))
    assert len(rows) == 10 * 3
    assert [row["round"] for row in rows[:10]] == list("ABCDEFGHIJ")
    held = json.loads((out / "readings.json").read_text("utf-8"))
    [reading] = held["readings"]
    assert (reading["rounds"]["name"], reading["rounds"]["join"]) == ("ten", "trimmed")
    for at, one in enumerate(reading["predictions"]):
        said = np.sort([row[at] for row in reading["rounds"]["probabilities"]])
        assert one["probability"] == pytest.approx(said[2:-2].mean(), abs=1e-6)
        assert one["spread"] == pytest.approx(said.std(), abs=1e-6)
    assert held["intake"].startswith("--rounds ten --join trimmed (")
    schema = json.loads((repository / "src/hilum/report/schema/readings.schema.json").read_text())
    jsonschema.validate(held, schema, jsonschema.Draft202012Validator)


def test_a_run_goes_on_only_with_the_same_rounds(hilum, chest, lenient, tiny_bundle, tmp_path):
    start = ("read", chest, "-o", tmp_path / "out", "--bundle", tiny_bundle.location)
    assert hilum(*start, "--rounds", "flip").status == 0
    assert hilum(*start, "--rounds", "flip", "--resume").status == 0
    done = hilum(*start, "--rounds", "ten", "--resume")
    assert done.status == 2
    assert "were made with --rounds flip --join mean (" in done.err
    assert "and this run is with --rounds ten --join mean (" in done.err
    done = hilum(*start, "--resume")
    assert "and this run is without rounds; add --rounds flip --join mean, or" in done.err
    plain = ("read", chest, "-o", tmp_path / "plain", "--bundle", tiny_bundle.location)
    assert hilum(*plain).status == 0
    done = hilum(*plain, "--rounds", "flip", "--resume")
    assert done.status == 2
    assert "were made without rounds, and this run is with --rounds flip" in done.err
    assert "leave out --rounds, or" in done.err


def test_findings_that_rounds_disagree_about_are_left_open(
    hilum, chest, lenient, tiny_bundle, tmp_path
):
    out = tmp_path / "out"
    done = hilum("read", chest, "-o", out, "--bundle", tiny_bundle.location, "--rounds", "ten",
                 "--abstain-above", 0)  # fmt: skip
    assert done.status in (0, 1), done.err
    decisions = [
        row["decision"] for row in csv.DictReader((out / "findings.csv").read_text().splitlines())
    ]
    assert decisions == ["abstained"] * 3
    assert (out / "readings.csv").read_text() == "Image Index,Predict label\n"
    assert "rounds-disagree" in (out / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rounds", "tne"), "did you mean ten"),
        (("--rounds", "ten", "--join", "mode"), "Unknown join 'mode'"),
        (("--rounds", "ten", "--join", "weighted"), "no weights to join by"),
        (("--join", "mean"), "without --rounds"),
        (("--abstain-above", 0.1), "without --rounds"),
    ],
)
def test_what_cannot_be_is_said_at_once(hilum, chest, tmp_path, arguments, message):
    done = hilum("read", chest, "-o", tmp_path / "out", *arguments)
    assert done.status == 2
    assert message in done.err
    assert not (tmp_path / "out").exists()


def test_decisions_stay_whatever_the_prevalence(hilum, chest, lenient, tiny_bundle, tmp_path):
    said = []
    for share in ("0.001", "0.05", "0.9"):
        out = tmp_path / share
        done = hilum("read", chest, "-o", out, "--bundle", tiny_bundle.location, "--rounds", "ten",
                     "--abstain-above", 0.01, "--prevalence", f"effusion={share}")  # fmt: skip
        assert done.status in (0, 1), done.err
        rows = csv.DictReader((out / "findings.csv").read_text().splitlines())
        said.append({row["finding"]: (row["decision"], row["probability"]) for row in rows})
    assert len({said_of["effusion"][1] for said_of in said}) == 3
    decisions = [{key: decision for key, (decision, _) in one.items()} for one in said]
    assert decisions[0] == decisions[1] == decisions[2]


def test_a_misspelt_finding_in_a_file_of_rounds_is_told(hilum, chest, tiny_bundle, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\n[operating_points]\nefusion = 0.3\n[[rounds]]\nname = "a"\n')
    done = hilum("read", chest, "-o", tmp_path / "out", "--bundle", tiny_bundle.location,
                 "--rounds", file)  # fmt: skip
    assert done.status == 2
    assert "did you mean effusion" in done.err
    assert not (tmp_path / "out").exists()
