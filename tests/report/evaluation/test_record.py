import copy
import json
from dataclasses import fields, replace
from importlib.resources import files

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from hilum.evaluation.appraisal.results import Appraisal, FindingResult
from hilum.report.evaluation.curves import CORNERS
from hilum.report.evaluation.record import as_json, record


@pytest.fixture(scope="module")
def schema():
    text = (files("hilum.report") / "schema" / "appraisal.schema.json").read_text("utf-8")
    found = json.loads(text)
    Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize("which", ["appraisal", "one_of"])
def test_a_record_follows_the_schema(which, schema, request):
    written = json.loads(as_json(request.getfixturevalue(which)))
    Draft202012Validator(schema).validate(written)


def test_the_schema_knows_every_attribute(schema):
    assert set(schema["properties"]) == {"schema", *(f.name for f in fields(Appraisal))}
    known = set(schema["$defs"]["finding"]["properties"])
    assert known == {f.name for f in fields(FindingResult)}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seed",), "seven"),
        (("task",), "segmentation"),
        (("findings", 0, "auroc", "reason"), None),
        (("findings", 2, "auroc", "reason"), ""),  # undefined without a reason
        (("findings", 0, "auroc", "value"), "0.9"),
        (("findings", 0, "points", 0, "fixed_on"), "test"),
        (("inputs", 0, "sha256"), "abc"),
        (("surprise",), 1),
    ],
)
def test_the_schema_refuses(path, value, schema, appraisal):
    written = copy.deepcopy(record(appraisal))
    place = written
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not Draft202012Validator(schema).is_valid(written)


def test_numbers_are_those_of_the_appraisal(appraisal):
    written = json.loads(as_json(appraisal))
    first, said = written["findings"][0], appraisal.findings[0]
    assert first["auroc"]["value"] == pytest.approx(said.auroc.value, rel=1e-8)
    assert first["points"][0]["confusion"]["tp"] == said.points[0].confusion.tp
    assert first["roc"]["x"] == pytest.approx(said.roc.x.tolist())
    assert written["table"] is None


def test_long_curves_are_thinned_and_keep_their_ends(appraisal):
    f = appraisal.findings[0]
    n = 50_000
    curve = replace(f.risk_coverage, coverage=np.arange(1, n + 1) / n, risk=np.linspace(0, 0.2, n))
    long = replace(appraisal, findings=(replace(f, risk_coverage=curve),))
    told = record(long)["findings"][0]["risk_coverage"]
    assert len(told["coverage"]) == len(told["risk"]) == CORNERS
    assert told["coverage"][-1] == 1
    assert told["risk"][-1] == pytest.approx(0.2)


def test_a_confusion_table_tells_its_numbers(one_of):
    table = record(one_of)["table"]
    assert table["accuracy"]["value"] == pytest.approx(80 / 98)
    assert table["counts"][1] == [4, 50, 6]
