"""Whether heatmaps show what the network goes by: places taken away, and weights in disorder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.files import find_images
from hilum.domain import LabelTable, Refusal, State
from hilum.errors import LabelError, Stopped
from hilum.evaluation.calibration import Calibrator
from hilum.evaluation.faithfulness import by_evidence, from_the_middle, likeness
from hilum.reading import Reader
from hilum.studies.localise.cases import held_out
from hilum.studies.localise.means import cell, means
from hilum.studies.questions import Numbers, Question, Shown, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hilum.audit.heatmaps import Removal
    from hilum.studies.localise.maps import Eye
    from hilum.studies.running import Bench

Grey = NDArray[np.float32]

MAP, MIDDLE, RANDOM = "the heatmap's places", "from the middle outwards", "in random order"
ORDERS = (MAP, MIDDLE, RANDOM)
CURVES = ("deletion", "insertion")
ANOTHER = "another patient's radiograph, weights as they are"


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A held-out radiograph, and the finding that is asked of it.

    Attributes:
        patient: whose it is.
        at: number of the finding among the network's.
        calibrator: of that finding, from logits to probabilities.
        pixels: as large as the network's input, grey levels in [0, 1].
        values: the finding's heatmap, [h, w].
    """

    patient: str
    at: int
    calibrator: Calibrator
    pixels: Grey
    values: Grey


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Ask of every held-out radiograph for the surest of the findings that it is labelled with.

    Raises:
        LabelError, RunError: the data are not what is needed.
        Stopped: it was asked to.
    """
    from hilum.studies.localise.maps import Eye

    eye = Eye.of()
    looked = _looked(eye, held_out(bench.data), bench.data)
    patients = [one.patient for one in looked]
    areas: dict[str, list[list[float]]] = {name: [] for name in ORDERS}
    curves: dict[str, list[Any]] = {name: [] for name in ORDERS}
    for one in looked:
        if why := bench.stop():
            raise Stopped(f"{why} Ask again: nothing is kept of this question until it is done.")
        for name, found in _removed(eye, one, seeds).items():
            areas[name].append(
                [float(np.mean([getattr(r, curve).area for r in found])) for curve in CURVES]
            )
            curves[name].append(
                [np.mean([getattr(r, curve).score for r in found], axis=0) for curve in CURVES]
            )
    values = {name: np.array(rows) for name, rows in areas.items()}
    gains = {
        name: (values[name] - values[MAP]) * np.array([1.0, -1.0]) for name in (MIDDLE, RANDOM)
    }
    return {
        "images": len(looked),
        "patients": len(set(patients)),
        "cells": list(looked[0].values.shape),
        "areas": {name: means(one, patients, CURVES) for name, one in values.items()},
        "gains": {name: means(one, patients, CURVES) for name, one in gains.items()},
        "curves": {name: np.mean(one, axis=0).tolist() for name, one in curves.items()},
        "likeness": _likeness(eye, looked, seeds),
    }


def _looked(eye: Eye, table: LabelTable, data: Path) -> list[Looked]:
    """What is asked of each radiograph that has a finding of the network's.

    Raises:
        LabelError: none has, or one is not there or cannot be read.
    """
    from hilum.transforms.preprocess import fit

    keys, spec = eye.bundle.card.keys, eye.bundle.card.preprocessing
    reader = Reader.of(eye.bundle)
    found: list[Looked] = []
    paths = find_images(table, data).paths
    for row, (path, patient) in enumerate(zip(paths, table.patients.tolist(), strict=True)):
        states = [table.states[row, table.findings.index(key)] for key in keys]
        present = [at for at, state in enumerate(states) if state == State.PRESENT]
        if not present:
            continue
        radiograph = None if path is None else reader.radiograph(path)
        if radiograph is None or isinstance(radiograph, Refusal):
            raise LabelError(f"{table.images[row]} is not in the folder, or cannot be read.")
        pixels, _ = fit(radiograph.pixels, spec)
        scale = reader.scale.predictions(eye.logits(pixels[None])[0])
        at = max(present, key=lambda one: scale[one].probability)
        calibrator = reader.scale.calibrators[at]
        found.append(Looked(str(patient), at, calibrator, pixels, eye.maps([pixels])[0][at]))
    if not found:
        raise LabelError("No held-out radiograph has a finding that the network reads.")
    return found


def _removed(eye: Eye, one: Looked, seeds: Sequence[int]) -> dict[str, list[Removal]]:
    from hilum.audit.heatmaps import removal

    high, wide = one.values.shape
    orders = {MAP: [by_evidence(one.values)], MIDDLE: [from_the_middle((high, wide))]}
    orders[RANDOM] = [np.random.default_rng(seed).permutation(high * wide) for seed in seeds]

    def score(pictures: Grey) -> NDArray[np.float64]:
        return one.calibrator.log_odds(eye.logits(pictures)[:, one.at])

    ask = partial(removal, score, one.pixels, shape=(high, wide))
    return {name: [ask(order) for order in some] for name, some in orders.items()}


def _likeness(eye: Eye, looked: Sequence[Looked], seeds: Sequence[int]) -> dict[str, Any]:
    """How like the heatmap is to that of the network in disorder, and to another patient's."""
    from hilum.studies.localise.shuffled import shuffled

    own = [eye.rebuilt(one.pixels, eye.backbone, eye.head) for one in looked]
    found: dict[str, list[list[float | None]]] = {ANOTHER: [[] for _ in looked]}
    for at, one in enumerate(looked):
        for other, maps in zip(looked, own, strict=True):
            if other.patient != one.patient:
                found[ANOTHER][at].append(likeness(one.values, maps[one.at]))
    for seed in seeds:
        for name, backbone, head in shuffled(eye, seed):
            each = found.setdefault(name, [[] for _ in looked])
            for at, one in enumerate(looked):
                maps = eye.rebuilt(one.pixels, backbone, head)
                each[at].append(likeness(one.values, maps[one.at]))
    out: dict[str, Any] = {}
    for name, rows in found.items():
        told = [[one for one in row if one is not None] for row in rows]
        kept = [at for at, row in enumerate(told) if row]
        level = sum(one is None for row in rows for one in row)
        if not kept:
            out[name] = {"value": None, "low": None, "high": None, "level": level}
            continue
        mean = np.array([[float(np.mean(told[at]))] for at in kept])
        out[name] = means(mean, [looked[at].patient for at in kept], ["it"])["it"]
        out[name] = {**out[name], "level": level}
    return out


def show(numbers: Numbers) -> Shown:
    """A table of areas, one of likeness, and the mean curves."""
    of = f"{numbers['images']} held-out radiographs of {numbers['patients']} patients"
    high, wide = numbers["cells"]
    areas = Table(
        ("places taken", "deletion (low is good)", "insertion (high is good)"),
        tuple(
            (name, *(cell(numbers["areas"][name][curve]) for curve in CURVES)) for name in ORDERS
        ),
        f"Mean calibrated log-odds of the finding along the curve, {of}; {high} × {wide} "
        "places. The finding is the surest of those that the radiograph is labelled with.",
    )
    gains = Table(
        ("the heatmap beats", "deletion", "insertion"),
        tuple(
            (name, *(cell(one[curve], sign=True) for curve in CURVES))
            for name, one in numbers["gains"].items()
        ),
        "By so many calibrated log-odds, on the same radiographs. **Bold**: the interval is clear "
        "of zero.",
    )
    like = Table(
        ("compared with the map of", "rank correlation", "maps without any contrast"),
        tuple(
            (name if name == ANOTHER else f"the same, shuffled: {name}", cell(one),
             str(one["level"]))
            for name, one in numbers["likeness"].items()
        ),
        f"How like a heatmap is to another one place by place, {of}; 1 for the same order.",
    )  # fmt: skip
    return Shown((areas, gains, like), {"curves": lambda: _figure(numbers["curves"])})


def _figure(curves: Mapping[str, Any]) -> Figure:
    from hilum.report.style import BLUE, GREEN, ORANGE, sheet

    figure, ax = sheet(3.4, left=0.8, top=0.7)
    for name, colour in zip(ORDERS, (BLUE, GREEN, ORANGE), strict=True):
        for curve, style, scores in zip(CURVES, ("-", "--"), curves[name], strict=True):
            share = np.linspace(0, 1, len(scores))
            ax.plot(share, scores, style, color=colour, label=f"{curve}: {name}")
    ax.set_xlabel("share of the places blurred (deletion) or put back (insertion)")
    ax.set_ylabel("mean calibrated log-odds of the finding")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=7)
    ax.grid(visible=True)
    return figure


QUESTION = Question(
    "faithful",
    "Heatmaps and what the network goes by",
    "Places are blurred away and put back in the heatmap's order, and the network's weights are "
    "shuffled: a faithful map moves the score more than a blind one, and does not survive.",
    measure,
    show,
    4.0,
)
