"""Measures two shortcuts, and writes the numbers into docs/studies/shortcuts.md.

    python scripts/shortcuts.py ../shared/radiographs

Reads 1,837 radiographs once (some minutes), keeps vectors in memory, writes no picture.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from hilum import audit
from hilum.audit.columns import Asked, Column, measure
from hilum.audit.probes import Vectors, folds, out_of_fold
from hilum.bundles import load
from hilum.cli.progress import steps
from hilum.datasets.column_map import load_map, read_mapped
from hilum.datasets.source import read_columns
from hilum.domain import LabelTable, State, finding
from hilum.domain.labels import Policy
from hilum.domain.text import coded
from hilum.evaluation import Measure, Measures, Reference, intervals, mean_of
from hilum.reading.lungs import LungReader
from hilum.reading.scoring import LungBoxes, Scorer
from hilum.recipes import SHIPPED

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "studies" / "shortcuts.md"
SAID = ROOT / "benchmarks" / "data" / "chest14-out-of-fold.csv.gz"
BEGIN, END = "<!-- numbers: begin -->", "<!-- numbers: end -->"
COVID = "covid_19"
SEEDS = 5


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("radiographs", type=Path, help="folder with manifest.csv")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--print", action="store_true", help="do not write the page")
    given = parser.parse_args()
    table = read_mapped(given.radiographs, load_map(SHIPPED / "columns" / "radiographs.toml"))
    table = table.rows(np.flatnonzero(np.isin(table.column("source"), ["ieee8023", "nih14"])))
    options = audit.Options(samples=given.samples, seeds=SEEDS)
    bundle = load("chest14")
    eyes = audit.Eyes(Scorer.of(bundle), str(bundle), bundle.card.keys, LungBoxes(LungReader.of()))
    with steps({"look": "Looking"}) as tell:
        looks = audit.look(table, given.radiographs, np.arange(len(table)), eyes,
                           workers=given.workers, progress=tell)  # fmt: skip
    text = "\n".join([*covid(table, looks, options), "", *roads(table, looks, options)])
    if given.print:
        print(text)
    else:
        write(text)


def write(text: str) -> None:
    """Put the numbers into the page, in place of those that stand there."""
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")
    print(f"Written: {PAGE.relative_to(ROOT)}")


def covid(table: LabelTable, looks: audit.Looks, options: audit.Options) -> list[str]:
    """COVID-19 of one source against the other source, then inside its own."""
    states = table.select([COVID]).states[:, 0]
    ours = np.asarray(table.column("source") == "ieee8023")
    has = states == State.PRESENT
    kinds = [k for k in table.findings if k.endswith("pneumonia") or k in ("sars", "ards")]
    other = ours & (states == State.ABSENT)
    other &= (table.select(kinds).states == State.PRESENT).any(axis=1)
    across = np.flatnonzero(has | ~ours)
    inside = np.flatnonzero(has | other)
    absent = Policy(unmentioned=0.0)
    found = {
        name: audit.audit(
            audit.Subject(title=name, table=table.rows(rows), policy=absent, findings=(COVID,),
                          looks=looks.within(rows)),
            options,
        )
        for name, rows in (("across", across), ("inside", inside))
    }  # fmt: skip
    asked_inside = _asked_inside(table, looks, across, inside, options)
    first = (
        f"{_counted(table, has)} with COVID-19 from `ieee8023` against {_counted(table, ~ours)} "
        f"from `nih14`; then against {_counted(table, other)} with other pneumonias inside "
        f"`ieee8023`. {options.seeds} seeds of five folds by patient; 95 % intervals from "
        f"{options.samples:,} draws of patients."
    )
    out = [
        "### COVID-19 of one collection against the other",
        "",
        first,
        "",
        "| AUROC for COVID-19 | against `nih14` | inside `ieee8023`, learnt there |",
        "|---|---|---|",
    ]
    names = {
        "hidden": "lungs hidden",
        "border": "border alone",
        "metadata": "age, sex, view alone",
        "source": "source alone",
    }
    one, two = (found[name].standings[0] for name in ("across", "inside"))
    whole = " | ".join(_whole(found[name]) for name in ("across", "inside"))
    out.append(f"| whole picture | {whole} |")
    for key, words in names.items():
        out.append(f"| {words} | {_told(getattr(one, key))} | {_told(getattr(two, key))} |")
    out += [
        f"| the model that learnt against `nih14`, asked inside | | {_told(asked_inside)} |",
        "",
        *_lines("What the audit says of the model against `nih14`:", found["across"]),
        "",
        *_lines("And inside `ieee8023`:", found["inside"]),
    ]
    return out


def _asked_inside(
    table: LabelTable,
    looks: audit.Looks,
    across: np.ndarray,
    inside: np.ndarray,
    options: audit.Options,
) -> Measure:
    """The model fitted across, scored on images inside; it saw nothing of their patients."""
    both = np.union1d(across, inside)
    both = both[np.isin(both, looks.rows)]
    assert looks.features is not None
    vectors = Vectors(both, looks.features[np.searchsorted(looks.rows, both)])
    truth = (table.select([COVID]).states[both, 0] == State.PRESENT)[:, None]
    learnt = np.isin(both, across)[:, None]
    values = np.zeros((len(table), options.seeds))
    for at in range(options.seeds):
        fold = folds(table, both, options.folds, options.seed + at)
        values[both, at] = out_of_fold(vectors, fold, truth, learnt)[0][:, 0]
    rows = inside[np.isin(inside, both)]
    patients = coded(table.patients)[1]
    asked = Asked(rows, table.select([COVID]).states[rows, 0] == State.PRESENT, patients[rows])
    column = Column(values, np.isin(np.arange(len(table)), both))
    return measure(asked, column, rng=options.rng(), samples=options.samples)


def roads(table: LabelTable, looks: audit.Looks, options: audit.Options) -> list[str]:
    """The roads by which images of one collection came, and what is left within them."""
    rows = np.flatnonzero(table.column("source") == "nih14")
    bundle = load("chest14")
    held = looks.within(rows)
    table = table.rows(rows).select(bundle.card.keys)
    scores = _out_of_fold(table)
    found = audit.audit(
        audit.Subject(title="roads", table=table, scores=scores, looks=held, source="road"), options
    )
    kept = [s.finding for s in found.standings]
    judged = np.flatnonzero(scores.scored)
    targets, mask = table.select(kept).targets()
    _, roads = coded(table.column("road"))
    reference = Reference.of(
        targets[judged], coded(table.patients)[1][judged], mask=mask[judged],
        strata=roads[judged], findings=kept,
    )  # fmt: skip
    values = scores.values[judged][:, [scores.findings.index(key) for key in kept]]

    def mean(metric: str) -> Measures:
        return intervals(reference, values, rng=options.rng(), samples=options.samples,
                         metric=metric)  # type: ignore[arg-type]  # fmt: skip

    plain, within = mean("auroc"), mean("auroc within strata")
    counts = ", ".join(f"{n:,}" for n in sorted(found.sources.values(), reverse=True))
    first = (
        f"{found.images:,} images of {found.patients:,} patients ({counts} by road), scored by "
        f"networks of `chest14` that saw nothing of the patient. Mean AUROC over "
        f"{len(kept)} findings:"
    )
    every = audit.audit(audit.Subject(title="all", table=table, source="road"), options)
    all_of = every.line("source-label").number
    out = [
        "### The two roads of `nih14`",
        "",
        first,
        "",
        "| | mean AUROC |",
        "|---|---|",
        f"| road alone, without a look at a picture | {_told(found.line('source-label').number)} |",
        f"| the same on all {every.images:,} images | {_told(all_of)} |",
        f"| `chest14`, plain | {_told(plain.mean)} |",
        f"| `chest14`, pairs of one road only | {_told(within.mean)} |",
        f"| age, sex, view alone | {_mean(found, 'metadata')} |",
        f"| border alone | {_mean(found, 'border')} |",
        "",
        "| finding | images with it | road alone | `chest14`, plain | within a road |",
        "|---|---|---|---|---|",
    ]
    for standing, p, w in zip(found.standings, plain.each, within.each, strict=True):
        out.append(
            f"| {finding(standing.finding).name} | {standing.positives} | "
            f"{_told(standing.source)} | {_told(p)} | {_told(w)} |"
        )
    said = _lines("What the audit says (the features are of the `chest14` that learnt from these "
                  "images, so what a probe on them makes of lungs and roads left out is not "
                  "stated):", found, without=("lungs-hidden", "source-left-out"))  # fmt: skip
    return [*out, "", *said]


def _out_of_fold(table: LabelTable) -> audit.Scores:
    """What networks of chest14 said of images of patients that they had not seen."""
    cells = read_columns(SAID)
    row_of = {name: row for row, name in enumerate(table.images.tolist())}
    place = np.array([row_of[name] for name in cells["image"].tolist()])
    values = np.full((len(table), len(table.findings)), np.nan)
    for at, key in enumerate(table.findings):
        values[place, at] = cells[f"chest14: {key}"].astype(np.float64)
    return audit.Scores("chest14, out of fold", table.findings, values, probabilities=False)


def _counted(table: LabelTable, kept: np.ndarray) -> str:
    return f"{int(kept.sum()):,} images of {len(set(table.patients[kept].tolist())):,} patients"


def _told(m: Measure | None) -> str:
    if m is None or m.value is None:
        return "–"
    return f"{m.value:.3f}" + ("" if m.low is None else f" ({m.low:.3f} to {m.high:.3f})")


def _whole(found: audit.Audit) -> str:
    """The model's AUROC, from the table that shows what it rests on: elsewhere it is refused."""
    table = found.tables["hidden"]
    at = table.header.index("whole")
    [row] = [row for row in table.rows if row[0] == "border alone"]
    return "{:.3f} ({:.3f} to {:.3f})".format(*row[at : at + 3])


def _mean(found: audit.Audit, name: str) -> str:
    return _told(mean_of([m for s in found.standings if (m := getattr(s, name)) is not None]))


def _lines(title: str, found: audit.Audit, without: tuple[str, ...] = ()) -> list[str]:
    asked = [v for v in found.lines if v.outcome != "not asked" and v.code not in without]
    return [title, "", "| question | outcome | number |", "|---|---|---|"] + [
        f"| {line.title} | {line.outcome} | "
        f"{'' if line.number is None else f'{line.unit} {_told(line.number)}'} |"
        for line in asked
    ]


if __name__ == "__main__":
    main()
