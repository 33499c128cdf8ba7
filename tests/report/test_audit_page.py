"""The page of an audit, its tables and JSON."""

import json
import re

import numpy as np
import pytest

from hilum.audit import Options, Scores, Subject, audit
from hilum.errors import RunError
from hilum.report.audit import write
from tests.audit.drawn import looks_of, shifted, table_of

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")


@pytest.fixture(scope="module")
def found():
    rng = np.random.default_rng(0)
    n = 200
    has = np.arange(n) < 60
    table = table_of(
        {"covid_19": has.astype(int), "mass": rng.integers(0, 2, n)},
        [f"SECRET-{i}" for i in range(n)],
        source=["<b>a</b>"] * 60 + ["b"] * 140,
        age_years=rng.normal(50, 10, n),
    )
    subject = Subject(
        title="drawn <i>audit</i>",
        table=table,
        scores=Scores("drawn", ("covid_19", "mass"), rng.random((n, 2)), {"mass": 0.5}),
        earlier=Scores("old", ("mass",), rng.random((n, 1)), {"mass": 0.5}),
        looks=looks_of(rng, features=shifted(rng, has), hidden=shifted(rng, has)),
        train=np.arange(100),
        test=np.arange(100, n),
    )
    return audit(subject, Options(samples=200, seeds=1))


def test_everything_is_written_and_names_nobody(found, tmp_path):
    page = write(found, tmp_path / "out")
    text = page.read_text("utf-8")
    held = json.loads((tmp_path / "out" / "audit.json").read_text("utf-8"))
    assert held["schema"] == "hilum.audit/1"
    assert [v["code"] for v in held["verdicts"]] == [line.code for line in found.lines]
    for line in found.lines:
        assert f'id="{line.code}"' in text
    for outcome, count in found.counts.items():
        assert text.count(f'class="outcome {outcome.replace(" ", "-")}"') == count
    for name in found.tables:
        assert (page.parent / f"{name}.csv").is_file()
        assert f'href="{name}.csv"' in text
    for content in (text, json.dumps(held)):
        assert "SECRET" not in content
        assert "image-1" not in content
    assert "<i>audit" not in text
    assert "<b>a</b>" not in text
    assert not re.search(r"https?://(?!www\.w3\.org)", re.sub(r"data:[^\"']+", "", text))
    assert (page.parent / "figures" / "standings.png").read_bytes()[:4] == b"\x89PNG"


def test_a_refused_number_is_nowhere(found, tmp_path):
    page = write(found, tmp_path / "out")
    text = page.read_text("utf-8")
    [standing] = [s for s in found.standings if s.finding == "covid_19"]
    assert standing.refused
    assert 'class="refused"' in text
    results = (page.parent / "results.csv").read_text("utf-8").splitlines()
    row = dict(zip(results[0].split(","), results[1].split(","), strict=False))
    assert row["finding"] == "covid_19"
    [held] = [f for f in json.loads((page.parent / "audit.json").read_text("utf-8"))["findings"]
              if f["finding"] == "covid_19"]  # fmt: skip
    assert held["model"]["value"] is None
    assert held["model"]["reason"].startswith("refused")


def test_a_later_audit_replaces_an_earlier_one_and_nothing_else(found, tmp_path):
    write(found, tmp_path / "out")
    write(found, tmp_path / "out")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="not results of an earlier audit"):
        write(found, tmp_path / "other")


def test_a_table_alone_has_a_page_too(tmp_path):
    found = audit(Subject(title="labels", table=table_of({"mass": [0, 1] * 20})),
                  Options(samples=100))  # fmt: skip
    text = write(found, tmp_path / "out").read_text("utf-8")
    assert "There are no scores of a model." in text
    assert text.count('class="outcome not-asked"') == len(found.lines)
