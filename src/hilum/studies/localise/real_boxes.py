"""Boxes from heatmaps on real radiographs, against blind boxes and plain activation maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain import Refusal
from hilum.errors import LabelError, Stopped
from hilum.export.heatmap_boxes import Drawn
from hilum.reading import Reader
from hilum.studies.localise.cases import boxes_of_others, cases_of, held_out, likely_of
from hilum.studies.localise.means import Told, cell, means
from hilum.studies.localise.ways import (
    MEASURES,
    ZHOU,
    above,
    central,
    folds,
    from_map,
    thrown,
    told,
    with_threshold,
    with_trust,
)
from hilum.studies.questions import Numbers, Question, Shown, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hilum.studies.running import Bench

SHIPPED = "likely boxes + activation map"
CHANCE, CENTRAL = "chance: thrown anywhere", "always the same, central"
LIKELIEST, PLAIN = "likeliest place of the finding", "activation map, cut at 20 %"
LEARNT = "activation map, cut where learnt"
AGAINST = (CHANCE, CENTRAL, LIKELIEST, PLAIN, LEARNT)
"""That the shipped way is held against."""

Values = NDArray[np.float64]


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Put a box for each reader's box in every way; what is learnt comes from other patients.

    Raises:
        LabelError, RunError: the data are not what is needed.
        Stopped: it was asked to.
    """
    from hilum.studies.localise.maps import KINDS, Eye

    table = held_out(bench.data)
    cases = cases_of(table, bench.data)
    patients = [case.patient for case in cases]
    others = boxes_of_others(bench.data, frozenset(patients))
    likely = likely_of(others)
    eye, reader = Eye.of(), Reader.of("chest14")
    drawn: dict[str, list[Drawn]] = {kind: [] for kind in KINDS}
    present: list[bool | None] = []
    for case in cases:
        if why := bench.stop():
            raise Stopped(f"{why} Ask again: nothing is kept of this question until it is done.")
        radiograph = reader.radiograph(case.file)
        if isinstance(radiograph, Refusal):
            raise LabelError(f"{case.file.name} cannot be read: {radiograph.reasons[0].message}")
        at = eye.bundle.card.keys.index(case.finding)
        for kind, look in KINDS.items():
            drawn[kind].append(Drawn(case.finding, look(eye, radiograph)[at], case.xywh))
        read = reader(radiograph)
        present.append(None if isinstance(read, Refusal) else read.predictions[at].present)
    values, learnt = _every_way(drawn, patients, likely, others, seeds)
    return {
        "boxes": len(cases),
        "images": len({case.file for case in cases}),
        "patients": len(set(patients)),
        "others": {key: len(boxes) for key, boxes in others.items()},
        "present": sum(one is True for one in present),
        "refused": sum(one is None for one in present),
        "area": float(np.mean([case.xywh[2:].prod() for case in cases])),
        "learnt": learnt,
        "ways": {name: means(one, patients, MEASURES) for name, one in values.items()},
        "differences": {
            name: means(values[SHIPPED] - values[name], patients, MEASURES) for name in AGAINST
        },
        "findings": _by_finding(values[SHIPPED], [case.finding for case in cases]),
    }


def _every_way(
    drawn: Mapping[str, list[Drawn]],
    patients: list[str],
    likely: Mapping[str, Any],
    others: Mapping[str, Values],
    seeds: Sequence[int],
) -> tuple[dict[str, Values], dict[str, list[float]]]:
    """What is told of every box in every way, [boxes, measures], and what was learnt by fold.

    What hangs on folds or throws is the mean over seeds.
    """
    plain = drawn["activation map"]
    same = central(others)
    values: dict[str, Values] = {
        CENTRAL: _told([same] * len(plain), plain),
        LIKELIEST: _told([from_map(one, likely, 0.0) for one in plain], plain),
        PLAIN: _told([above(one.values, ZHOU) for one in plain], plain),
    }
    learnt: dict[str, list[float]] = {}
    sums: dict[str, list[Values]] = {}
    for seed in seeds:
        fold = folds(patients, seed)
        found, share = with_threshold(plain, fold)
        sums.setdefault(LEARNT, []).append(_told(found, plain))
        learnt.setdefault(LEARNT, []).extend(share)
        for kind, some in drawn.items():
            name = SHIPPED if kind == "activation map" else f"likely boxes + {kind}"
            found, trust = with_trust(some, fold, likely)
            sums.setdefault(name, []).append(_told(found, some))
            learnt.setdefault(name, []).extend(trust)
            if name == SHIPPED:
                rng = np.random.default_rng(seed)
                blind = [
                    thrown(f.xywh[2:], one.xywh, rng) for f, one in zip(found, some, strict=True)
                ]
                sums.setdefault(CHANCE, []).append(np.stack(blind))
    values |= {name: np.mean(parts, axis=0) for name, parts in sums.items()}
    return values, learnt


def _told(found: Sequence[Any], drawn: Sequence[Drawn]) -> Values:
    return np.stack([told(f, one.xywh) for f, one in zip(found, drawn, strict=True)])


def _by_finding(values: Values, findings: Sequence[str]) -> dict[str, dict[str, float]]:
    out = {}
    for key in sorted(set(findings)):
        mine = values[[finding == key for finding in findings]]
        out[key] = {"boxes": len(mine)} | dict(zip(MEASURES, mine.mean(0).tolist(), strict=True))
    return out


def show(numbers: Numbers) -> Shown:
    """A table of ways, one of differences, one of findings."""
    ways, differences = numbers["ways"], numbers["differences"]
    others = sum(numbers["others"].values())
    caption = (
        f"{numbers['boxes']} readers' boxes on {numbers['images']} radiographs of "
        f"{numbers['patients']} patients that the network did not learn from; the shares found, "
        "and the mean overlap (IoU). Brackets: 95 % intervals, drawn by patient. Likely boxes come "
        f"from {others} boxes of other patients; what else is learnt, from other folds."
    )
    head = ("a box by", *MEASURES)
    order = (*AGAINST, SHIPPED, *(name for name in ways if name not in (*AGAINST, SHIPPED)))
    every = Table(head, tuple((name, *_cells(ways[name])) for name in order), caption)
    gains = Table(
        (f"{SHIPPED}, less", *MEASURES),
        tuple((name, *_cells(differences[name], sign=True)) for name in AGAINST),
        "Differences on the same boxes. **Bold**: the interval is clear of zero.",
    )
    each = Table(
        ("finding", "boxes", *MEASURES),
        tuple(
            (key, str(one["boxes"]), *(f"{one[name]:.2f}" for name in MEASURES))
            for key, one in numbers["findings"].items()
        ),
        f"{SHIPPED}, by finding; most have too few boxes to tell anything.",
    )
    return Shown(
        (every, gains, each), {"hits": lambda: _figure(ways, order)}, tuple(_words(numbers))
    )


def _words(numbers: Numbers) -> list[str]:
    trusts = sorted(set(numbers["learnt"][SHIPPED]))
    shares = sorted(set(numbers["learnt"][LEARNT]))
    learnt = (
        f"Readers' boxes cover {numbers['area']:.1%} of their pictures on average. The trust in "
        f"the activation map that folds learnt: {_list(trusts)}; where they cut it: "
        f"{_list(shares)} of its maximum."
    )
    shown = (
        f"A reading draws a box only where the finding is present: of these {numbers['boxes']} the "
        f"network calls {numbers['present']} present, and the gate refuses the radiographs of "
        f"{numbers['refused']}. The numbers above put a box on all of them."
    )
    return [learnt, shown]


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{one:g}" for one in values)


def _cells(row: Mapping[str, Told], *, sign: bool = False) -> list[str]:
    return [cell(row[name], sign=sign) for name in MEASURES]


def _figure(ways: Mapping[str, Any], order: Sequence[str]) -> Figure:
    from hilum.report.style import BLUE, ORANGE, sheet

    figure, ax = sheet(0.4 * len(order) + 1.1, left=2.6, top=0.35)
    for number, (name, colour) in enumerate(((MEASURES[0], BLUE), (MEASURES[2], ORANGE))):
        for at, way in enumerate(order):
            one, place = ways[way][name], at + (number - 0.5) * 0.3
            if one["low"] is not None:
                ax.plot([one["low"], one["high"]], [place, place], color=colour, linewidth=1.5)
            ax.plot([one["value"]], [place], "o", color=colour, markersize=4,
                    label=name if at == 0 else None)  # fmt: skip
    ax.set_yticks(range(len(order)), list(order))
    ax.invert_yaxis()
    ax.set_xlim(0, 1)
    ax.grid(axis="x")
    ax.set_xlabel("share of readers' boxes (lines: 95 % intervals, drawn by patient)")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


QUESTION = Question(
    "real_boxes",
    "Boxes from heatmaps, on real boxes",
    "A network that learnt from labels of images alone has heatmaps; does a box made of them lie "
    "where readers drew theirs, better than a box drawn blindly?",
    measure,
    show,
    2.0,
)
