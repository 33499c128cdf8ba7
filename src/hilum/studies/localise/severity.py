"""Question: does the share of the lungs that a heatmap takes up follow how severe readers score?"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain import CHEST14, Radiograph, Reading, Refusal
from hilum.errors import LabelError, Stopped
from hilum.evaluation.correlation import spearman_interval
from hilum.evaluation.resampling import bootstrap
from hilum.reading import Reader
from hilum.reading.extent import Extent, of_boxes, of_heatmap, of_mask, present_places
from hilum.reading.lungs import LungFields, LungReader
from hilum.studies.cells import three, told
from hilum.studies.questions import Numbers, Question, Shown, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hilum.studies.running import Bench

SCORES = "ieee8023_covid-severity-scores.csv"
COVID, FINDINGS = "covid", "chest14"
OPACITIES = ("infiltration", "consolidation", "pneumonia", "edema", "atelectasis")
"""Findings of ChestX-ray14 that are opacities of the lung itself."""
assert set(OPACITIES) <= set(CHEST14)

REFERENCES = {"geographic": "geographic extent, 0 to 8", "opacity": "degree of opacity, 0 to 6"}
MAIN = "COVID-19 heatmap: share of the lungs"
UNION = "heatmaps of five opacities: share of the lungs"
LOGIT = "COVID-19 logit of the whole picture"
BRIGHT = "mean grey of the lungs, less that of the picture"
BOXES = "boxes of five opacities: share of the lungs"
AGAINST = (LOGIT, BRIGHT)
SAMPLES = 4000

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """A radiograph that three readers scored.

    Attributes:
        file: of the radiograph.
        patient: whose it is.
        geographic: mean of the readers' extent scores, 0 to 8.
        opacity: mean of their opacity scores, 0 to 6.
    """

    file: Path
    patient: str
    geographic: float
    opacity: float


def scored(data: Path) -> list[Scored]:
    """Scored radiographs of patients that no shipped network learnt from.

    Args:
        data: folder with manifest.csv; the scores lie in it, or in ``labels`` beside it.

    Raises:
        LabelError: a table is not there, or no scored radiograph is.
    """
    places = [data / SCORES, data.parent / "labels" / SCORES]
    table = next((path for path in places if path.is_file()), None)
    if table is None:
        raise LabelError(f"{SCORES} lies neither in {data.name} nor in labels beside it.")
    with table.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("##"))
        said = {row["filename"]: row for row in rows}
    manifest = data / "manifest.csv"
    if not manifest.is_file():
        raise LabelError(f"{data.name} holds no manifest.csv, which names the radiographs.")
    with manifest.open(encoding="utf-8", newline="") as file:
        mine = [row for row in csv.DictReader(file) if row["source"] == "ieee8023"]
    learnt = {row["patient_id"] for row in mine if row["permissive"] == "True"}
    found = [
        Scored(
            data / row["file"],
            row["patient_id"],
            float(said[name]["geographic_mean"]),
            float(said[name]["opacity_mean"]),
        )
        for row in mine
        if (name := Path(row["source_path"]).name) in said and row["patient_id"] not in learnt
    ]
    if not found:
        raise LabelError(f"{manifest.name} names no radiograph that {SCORES} scores.")
    return found


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Read every scored radiograph, and correlate; nothing is learnt.

    Raises:
        LabelError: the data are not what is needed.
        Stopped: it was asked to.
    """
    cases = scored(bench.data)
    covid, findings = Reader.of(COVID), Reader.of(FINDINGS)
    boxes = findings.bundle.card.heatmap_boxes
    drawing = Reader.of(FINDINGS, boxes=True) if boxes is not None else findings
    lungs = LungReader.of()
    lost: Counter[str] = Counter()
    kept: list[Scored] = []
    rows: list[dict[str, float]] = []
    extents: list[Extent] = []
    for case in cases:
        if why := bench.stop():
            raise Stopped(f"{why} The question begins anew.")
        radiograph = covid.radiograph(case.file)
        if isinstance(radiograph, Refusal):
            lost["cannot be read"] += 1
            continue
        fields = lungs(radiograph)
        if isinstance(fields, Refusal) or not fields.plausible:
            lost["lungs are not found"] += 1
            continue
        by_covid, by_findings = covid(radiograph), drawing(radiograph)
        if isinstance(by_covid, Refusal) or isinstance(by_findings, Refusal):
            lost["refused by the gate"] += 1
            continue
        extent = _extent(by_covid, "covid_19", covid, fields)
        row = {
            MAIN: extent.share,
            UNION: _union(by_findings, findings, fields).share,
            LOGIT: by_covid["covid_19"].logit,
            BRIGHT: _bright(radiograph, fields),
        }
        if boxes is not None:
            drawn = [box for box in by_findings.boxes if box.finding in OPACITIES]
            row[BOXES] = of_boxes(drawn, fields).share
        kept.append(case)
        rows.append(row)
        extents.append(extent)
    return _numbers(kept, rows, extents, lost, len(cases), seeds[0])


def _extent(reading: Reading, key: str, reader: Reader, lungs: LungFields) -> Extent:
    heatmap = reading.heatmap(key)
    assert heatmap is not None  # shipped bundles have maps
    return of_heatmap(heatmap, reading[key], reader.bundle.card, lungs)


def _union(reading: Reading, reader: Reader, lungs: LungFields) -> Extent:
    """Where any of the opacities would be called present."""
    covered = np.zeros(lungs.masks.shape[1:], np.bool_)
    for key in OPACITIES:
        heatmap = reading.heatmap(key)
        assert heatmap is not None
        covered |= present_places(heatmap, reading[key], reader.bundle.card, covered.shape)
    return of_mask(covered, lungs)


def _bright(radiograph: Radiograph, lungs: LungFields) -> float:
    """What needs no network but the one that finds the lungs."""
    grey = radiograph.pixels
    return float(grey[lungs.masks.any(0)].mean() - grey.mean())


def _numbers(
    kept: Sequence[Scored],
    rows: Sequence[Mapping[str, float]],
    extents: Sequence[Extent],
    lost: Mapping[str, int],
    asked: int,
    seed: int,
) -> dict[str, Any]:
    patients = [case.patient for case in kept]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    reference = {name: np.array([getattr(case, name) for case in kept]) for name in REFERENCES}

    def between(name: str, to: str, than: str = "") -> list[float | None]:
        rng = np.random.default_rng(seed)
        other = columns[than] if than else None
        found = spearman_interval(
            columns[name], reference[to], patients, rng=rng, than=other, samples=SAMPLES
        )
        return three(found)

    score = np.array([float(one.score) for one in extents])
    apart = np.abs(score - reference["geographic"])
    same = np.abs(np.median(reference["geographic"]) - reference["geographic"])
    return {
        "asked": asked,
        "images": len(kept),
        "patients": len(set(patients)),
        "lost": dict(lost),
        "correlations": {
            name: {to: between(name, to) for to in REFERENCES} for name in columns
        },
        "differences": {
            name: {to: between(MAIN, to, name) for to in REFERENCES} for name in AGAINST
        },
        "apart": _mean(apart, patients, seed),
        "apart_always_the_median": _mean(same, patients, seed),
        "points": [
            [round(extent.share, 4), case.geographic]
            for extent, case in zip(extents, kept, strict=True)
        ],
    }  # fmt: skip


def _mean(values: Values, patients: Sequence[str], seed: int) -> list[float | None]:
    found = bootstrap(
        lambda drawn: float(drawn @ values / drawn.sum()),
        patients,
        rng=np.random.default_rng(seed),
        samples=SAMPLES,
    )
    return three(found)


def show(numbers: Numbers) -> Shown:
    """A table of correlations, one of differences, and the points."""
    lost = ", ".join(f"{count} {why}" for why, count in sorted(numbers["lost"].items()))
    caption = (
        f"Spearman's correlation with the mean score of three readers, on {numbers['images']} of "
        f"{numbers['asked']} radiographs of {numbers['patients']} patients that no network learnt "
        f"from (left out: {lost or 'none'}); 95 % intervals, drawn by patient. The first row was "
        "chosen before anything was measured; the others stand beside it."
    )
    head = ("number", *REFERENCES.values())
    every = Table(
        head,
        tuple(
            (name, *(told(row[to]) for to in REFERENCES))
            for name, row in numbers["correlations"].items()
        ),
        caption,
    )
    gains = Table(
        (f"{MAIN}, less", *REFERENCES.values()),
        tuple(
            (name, *(told(row[to], sign=True) for to in REFERENCES))
            for name, row in numbers["differences"].items()
        ),
        "Differences of the two correlations, of the same draws.",
    )
    apart, median = told(numbers["apart"]), told(numbers["apart_always_the_median"])
    level = (
        f"Scored as readers score (a quarter of a lung a point, 0 to 8), the share lies {apart} "
        f"points from their mean on average; always telling the median lies {median} points away."
    )
    whom = (
        "The scores' radiographs are published cases, all called COVID-19: a correlation here says "
        "nothing of radiographs without it, and a heatmap shows evidence, which need not be "
        "opacity."
    )
    figures = {"points": lambda: _figure(numbers["points"])}
    return Shown((every, gains), figures, (level, whom))


def _figure(points: Sequence[Sequence[float]]) -> Figure:
    from hilum.report.style import BLUE, sheet

    figure, ax = sheet(3.2, left=0.6)
    share, extent = np.array(points, np.float64).T
    ax.plot(share, extent, "o", color=BLUE, markersize=4, alpha=0.7)
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.2, 8.2)
    ax.set_xlabel("share of the lungs, by the COVID-19 heatmap")
    ax.set_ylabel("geographic extent, mean of three readers")
    return figure


QUESTION = Question(
    "severity",
    "Extent and severity",
    "A number beside a heatmap is worth telling only if it follows what readers see: the share of "
    "the lungs that the network finds COVID-19 on, against readers' scores.",
    measure,
    show,
    0.5,
)
