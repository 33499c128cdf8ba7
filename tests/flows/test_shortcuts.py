"""Two shortcuts in real radiographs that an audit must find."""

from pathlib import Path

import numpy as np
import pytest

from hilum.audit import Eyes, Options, Subject, audit, look
from hilum.bundles import load
from hilum.datasets.column_map import load_map, read_mapped
from hilum.domain import LabelTable, State
from hilum.domain.labels import Policy
from hilum.reading.lungs import LungReader
from hilum.reading.scoring import LungBoxes, Scorer
from hilum.recipes import SHIPPED

pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'hilum[analyse]'")


@pytest.fixture(scope="module")
def table(shared: Path) -> LabelTable:
    return read_mapped(shared / "radiographs", load_map(SHIPPED / "columns" / "radiographs.toml"))


def test_the_roads_of_one_collection_are_found_in_its_labels(table: LabelTable) -> None:
    ours = table.rows(np.flatnonzero(table.column("source") == "nih14"))
    found = audit(Subject(title="roads", table=ours, source="road"), Options(samples=200))
    line = found.line("source-label")
    assert line.outcome == "fails"
    assert line.number is not None
    assert line.number.value == pytest.approx(0.69, abs=0.015)
    assert len(found.standings) == 14


@pytest.mark.slow
def test_a_covid_19_model_of_one_collection_against_another(
    table: LabelTable, shared: Path
) -> None:
    states = table.select(["covid_19"]).states[:, 0]
    theirs = table.column("source") == "nih14"
    rng = np.random.default_rng(0)
    rows = np.concatenate(
        [
            np.flatnonzero(states == State.PRESENT)[::2],
            np.sort(rng.choice(np.flatnonzero(theirs), 350, replace=False)),
        ]
    )
    part = table.rows(rows)
    bundle = load("chest14")
    eyes = Eyes(Scorer.of(bundle), str(bundle), bundle.card.keys, LungBoxes(LungReader.of()))
    looks = look(part, shared / "radiographs", np.arange(len(part)), eyes, workers=2)
    found = audit(
        Subject(title="covid", table=part, policy=Policy(unmentioned=0.0), looks=looks,
                findings=("covid_19",)),
        Options(samples=200, seeds=3),
    )  # fmt: skip
    for code in ("source-label", "between-sources", "source-in-features", "lungs-hidden"):
        assert found.line(code).outcome == "fails", found.line(code)
    assert found.line("border-alone").outcome in ("fails", "warns")
    [covid] = found.standings
    assert covid.model is not None
    assert covid.model.value is None  # refused
    assert covid.border is not None
    hidden = found.tables["hidden"]
    rows = [dict(zip(hidden.header, row, strict=True)) for row in hidden.rows]
    [lungs] = [row for row in rows if row["view"] == "lungs hidden"]
    assert lungs["whole"] > 0.9
    assert lungs["less"] > lungs["whole"] - 0.05
    assert covid.border.low is not None
    assert covid.border.low > 0.7
