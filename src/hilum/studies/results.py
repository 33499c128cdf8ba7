"""What a study has found so far: a line an arm."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RunError
from hilum.evaluation import Measure, Reference
from hilum.report.run.epochs import read_epochs
from hilum.studies.arms import Arm, Study
from hilum.studies.comparing import (
    Effect,
    Measured,
    drawn,
    effect,
    holm,
    measure,
    with_its_interval,
)
from hilum.studies.running import SCORES, Bench, folder_of, reference_of

DRAWS = 10_000
"""Of patients; a p-value cannot be smaller than 2 / (draws + 1), and Holm multiplies it."""
SEED = 0
"""Of the draws of patients, which all arms share."""


@dataclass(frozen=True, slots=True)
class Line:
    """One arm.

    Attributes:
        arm: of the study.
        against: name of the arm that it is compared with; "" for none.
        auroc: within strata, mean over findings and seeds, with its interval by patients.
        each: that of each seed.
        findings: of each finding, the mean over seeds.
        effect: against the other arm; None where there is none, or it is not run yet.
        seconds: of computing, all seeds together, what other arms had remembered not counted.
        told: codes of the watch that were told in most networks of the arm.
    """

    arm: Arm
    against: str
    auroc: Measure
    each: Mapping[int, float]
    findings: Mapping[str, float]
    effect: Effect | None
    seconds: float
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """Everything that a study has found.

    Attributes:
        study: which.
        lines: of arms that are run, in the study's order.
        images: that were asked of.
        patients: whose they are.
        missing: arms that no seed is done of.
    """

    study: Study
    lines: tuple[Line, ...]
    images: int
    patients: int
    missing: tuple[str, ...]

    @property
    def comparisons(self) -> int:
        """How many comparisons have a p-value, which Holm's correction counts."""
        return sum(one.effect is not None and one.effect.p_value is not None for one in self.lines)


def results_of(study: Study, bench: Bench) -> Results:
    """Compare the arms that are done; draws are kept beside the scores.

    Raises:
        RunError: nothing is done yet, or arms were asked of different images.
    """
    scores = {arm.name: found for arm in study.arms if (found := _scores(study, arm, bench.out))}
    if not scores:
        raise RunError(f"{bench.out} holds no arm of {study.name} yet: run it first.")
    rows = next(iter(next(iter(scores.values())).values()))[0]
    for name, found in scores.items():
        if any(not np.array_equal(rows, one) for one, _ in found.values()):
            raise RunError(f"Arm {name} was asked of other images than the rest: run it anew.")
    reference = reference_of(study, bench, rows)
    weights = drawn(reference, DRAWS, np.random.default_rng(SEED))
    measured: dict[str, Measured] = {}
    for name, found in scores.items():
        parts = [
            _measured(reference, study.arm(name), seed, logits, weights, bench.out)
            for seed, (_, logits) in found.items()
        ]
        measured[name] = _together(parts)
    lines = [_line(study, study.arm(name), measured, reference, bench.out) for name in measured]
    corrected = holm([one.effect.p_value if one.effect else None for one in lines])
    lines = [
        replace(one, effect=replace(one.effect, holm=p)) if one.effect else one
        for one, p in zip(lines, corrected, strict=True)
    ]
    missing = tuple(arm.name for arm in study.arms if arm.name not in scores)
    return Results(study, tuple(lines), len(rows), reference.groups, missing)


def _scores(
    study: Study, arm: Arm, out: Path
) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float32]]]:
    found = {}
    folders = (out / "arms" / arm.name).glob("seed-*")
    for seed in sorted({int(f.name.removeprefix("seed-")) for f in folders}):
        file = folder_of(out, arm, seed) / SCORES
        if file.exists():
            with np.load(file) as kept:
                order = np.argsort(kept["rows"])
                found[seed] = kept["rows"][order], kept["logits"][order]
    return found


def _measured(
    reference: Reference, arm: Arm, seed: int, logits: NDArray[np.float32],
    weights: Sequence[NDArray[np.int32]], out: Path,
) -> Measured:  # fmt: skip
    """One seed of an arm; its draws are read where they were kept."""
    file = folder_of(out, arm, seed) / f"draws-{DRAWS}-{SEED}.npz"
    if file.exists() and file.stat().st_mtime >= (file.parent / SCORES).stat().st_mtime:
        with np.load(file) as kept:
            return Measured((seed,), kept["each"], kept["draws"], kept["findings"])
    found = measure(reference, {seed: logits}, weights)
    partial = file.with_name(f"partial-{file.name}")
    np.savez(partial, each=found.each, draws=found.draws, findings=found.findings)
    partial.replace(file)
    return found


def _together(parts: Sequence[Measured]) -> Measured:
    return Measured(
        tuple(seed for one in parts for seed in one.seeds),
        np.concatenate([one.each for one in parts]),
        np.concatenate([one.draws for one in parts]),
        np.mean([one.findings for one in parts], axis=0),
    )


def _line(
    study: Study, arm: Arm, measured: Mapping[str, Measured], reference: Reference, out: Path
) -> Line:
    own, against = measured[arm.name], study.against(arm)
    other = measured.get(against) if against else None
    if against == arm.name or (other and not set(other.seeds) & set(own.seeds)):
        other = None
    folder = out / "arms" / arm.name
    took = [json.loads(file.read_text())["seconds"] for file in sorted(folder.glob("*/took.json"))]
    return Line(
        arm,
        against if against != arm.name else "",
        with_its_interval(reference, own),
        dict(zip(own.seeds, own.each.tolist(), strict=True)),
        dict(zip(reference.findings, own.findings.tolist(), strict=True)),
        effect(reference, own, other) if other else None,
        float(sum(took)),
        _told(folder),
    )


def _told(folder: Path) -> tuple[str, ...]:
    """Codes of the watch that most networks of an arm gave cause for."""
    files = sorted(folder.rglob("epochs.jsonl"))
    codes: Counter[str] = Counter()
    for file in files:
        lines = read_epochs(file)
        codes.update({one["code"] for line in lines for one in line.get("concerns", ())})
    return tuple(sorted(code for code, count in codes.items() if 2 * count > len(files)))
