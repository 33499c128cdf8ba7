"""Whether what a network learnt of lesions drawn by code helps on readers' boxes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.bundles import Bundle
from hilum.domain import Refusal
from hilum.errors import LabelError
from hilum.export.heatmap_boxes import Drawn
from hilum.reading import Reader
from hilum.report.run.boxes import froc_figure
from hilum.runtime import Graph
from hilum.studies.localise.cases import boxes_of_others, cases_of, held_out, likely_of
from hilum.studies.localise.means import Told, cell, means
from hilum.studies.localise.real_boxes import CENTRAL, PLAIN, SHIPPED
from hilum.studies.localise.ways import (
    MEASURES,
    ZHOU,
    Found,
    above,
    around_middle,
    central,
    folds,
    told,
    with_trust,
)
from hilum.studies.questions import Numbers, Question, Shown, Table
from hilum.transforms.preprocess import prepare

if TYPE_CHECKING:
    from hilum.studies.running import Bench

DETECTOR = "drawn lesions alone: the surest box"
SCORES = "likely boxes + scores of drawn lesions"
BOTH = "likely boxes + activation map + scores"
NEW = (DETECTOR, SCORES, BOTH)
"""What drawn lesions have a part in."""

CHESTS, SIDE = 1000, 256
"""That are drawn, and their rows and columns."""

CURVES = "froc.json"
"""What a run keeps of how many boxes it finds for how many false ones."""

GRID = 40
"""Cells of a side that scores are laid on."""

LOOKS_LIKE: Mapping[str, tuple[str, ...]] = {
    "atelectasis": ("consolidation",),
    "infiltration": ("consolidation",),
    "pneumonia": ("consolidation",),
    "mass": ("consolidation", "nodule"),
    "nodule": ("nodule",),
    "effusion": ("effusion",),
    "pneumothorax": ("pneumothorax",),
}
"""Finding of a reader's box → drawn lesions that may stand for it; no other is drawn."""

Values = NDArray[np.float64]


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Learn from drawn chests, then look at radiographs of people.

    Raises:
        LabelError, RunError: the data are not what is needed.
        Stopped: it was asked to; the same call goes on.
    """
    from hilum.studies.localise.maps import Eye, plain

    bundle = learnt(bench)
    table = held_out(bench.data)
    cases = [one for one in cases_of(table, bench.data) if one.finding in LOOKS_LIKE]
    patients = [case.patient for case in cases]
    others = boxes_of_others(bench.data, frozenset(patients))
    likely = likely_of(others)
    eye, reader, graph = Eye.of(), Reader.of("chest14"), Graph.open(bundle)
    found: list[Found | None] = []
    maps: dict[str, list[Drawn]] = {name: [] for name in (PLAIN, SCORES, BOTH)}
    for case in cases:
        radiograph = reader.radiograph(case.file)
        if isinstance(radiograph, Refusal):
            raise LabelError(f"{case.file.name} cannot be read: {radiograph.reasons[0].message}")
        image, _ = prepare(radiograph.pixels, bundle.card.preprocessing)
        drawn = graph(image[None]).boxes
        assert drawn is not None
        boxes, scores = of_kinds(bundle, drawn[0], LOOKS_LIKE[case.finding])
        found.append(around_middle(boxes[0]) if len(boxes) else None)
        cam = plain(eye, radiograph)[eye.bundle.card.keys.index(case.finding)]
        laid = laid_on(boxes, scores)
        both = standard(laid) + standard(resized(cam))
        for name, values in ((PLAIN, cam), (SCORES, laid), (BOTH, both)):
            maps[name].append(Drawn(case.finding, values, case.xywh))
    same = central(others)
    references = [case.xywh for case in cases]
    values = {
        CENTRAL: _told([same] * len(cases), references),
        PLAIN: _told([above(one.values, ZHOU) for one in maps[PLAIN]], references),
        DETECTOR: _told(found, references),
    }
    trusts: dict[str, list[float]] = {}
    for name, key in ((SHIPPED, PLAIN), (SCORES, SCORES), (BOTH, BOTH)):
        parts: list[Values] = []
        for seed in seeds:
            placed, trust = with_trust(maps[key], folds(patients, seed), likely)
            parts.append(_told(placed, references))
            trusts.setdefault(name, []).extend(trust)
        values[name] = np.mean(parts, axis=0)
    pairs = [(new, old) for new in NEW for old in (CENTRAL, PLAIN)] + [(BOTH, SHIPPED)]
    return {
        "chests": CHESTS,
        "phantoms": _on_phantoms(bundle),
        "froc": json.loads((bench.out / "run" / CURVES).read_text("utf-8"))["test"],
        "boxes": len(cases),
        "images": len({case.file for case in cases}),
        "patients": len(set(patients)),
        "none": sum(one is None for one in found),
        "trusts": trusts,
        "ways": {name: means(one, patients, MEASURES) for name, one in values.items()},
        "differences": [
            {"new": new, "old": old} | means(values[new] - values[old], patients, MEASURES)
            for new, old in pairs
        ],
    }


def learnt(bench: Bench) -> Bundle:
    """The detector of drawn lesions, by the shipped recipe; from an earlier call where it is."""
    from hilum.recipes import locate
    from hilum.training.detection.drawn import TABLE, draw_folder
    from hilum.training.recipe import load_recipe
    from hilum.training.run import train

    chests = bench.out / "chests"
    if not (chests / TABLE).exists():
        bench.tell(f"{CHESTS:,} chests are drawn")
        draw_folder(chests, CHESTS, SIDE, seed=0)
    recipe = load_recipe(locate("phantom-boxes"))
    return train(recipe, data=chests, weights=bench.weights, out=bench.out / "run", stop=bench.stop)


def of_kinds(
    bundle: Bundle, drawn: NDArray[np.float32], keys: Sequence[str]
) -> tuple[Values, Values]:
    """Boxes of some kinds, the surest first: xywh as shares of the picture, and scores.

    Args:
        bundle: that drew them; it is shown the whole picture, squashed.
        drawn: [most, 6], as its graph gives them.
        keys: of the kinds.
    """
    kinds = [kind.key for kind in bundle.card.boxes]
    wanted = [kinds.index(key) for key in keys]
    some = drawn[(drawn[:, 4] > 0) & np.isin(drawn[:, 5], wanted)].astype(np.float64)
    high, wide = bundle.card.preprocessing.size
    corners = some[:, :4] / np.array([wide, high, wide, high])
    xywh = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
    whole = (xywh[:, 2:] > 0).all(1)
    return xywh[whole], some[whole, 4]


def laid_on(boxes: Values, scores: Values) -> NDArray[np.float32]:
    """The highest score of the boxes over each cell, float32 [GRID, GRID]; 0 where none lies."""
    laid = np.zeros((GRID, GRID), np.float32)
    for (x, y, w, h), score in zip(boxes * GRID, scores, strict=True):
        place = np.s_[int(y) : int(np.ceil(y + h)), int(x) : int(np.ceil(x + w))]
        laid[place] = np.maximum(laid[place], np.float32(score))
    return laid


def resized(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map on the cells of :data:`GRID`."""
    import cv2

    return np.asarray(cv2.resize(values, (GRID, GRID), interpolation=cv2.INTER_LINEAR), np.float32)


def standard(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A map less its mean, in its deviations; 0 where it is level."""
    spread = float(values.std())
    return (values - values.mean()) / np.float32(spread) if spread > 0 else np.zeros_like(values)


def _told(found: Sequence[Found | None], references: Sequence[Values]) -> Values:
    """What is told of every box, [boxes, measures]; nothing drawn is a miss."""
    missed = np.zeros(len(MEASURES))
    pairs = zip(found, references, strict=True)
    return np.stack([missed if one is None else told(one, box) for one, box in pairs])


def _on_phantoms(bundle: Bundle) -> list[dict[str, Any]]:
    """Average precision on held-out drawn chests, kinds and their mean, from the card."""
    rows = [r for r in bundle.card.results if r.metric == "AP at IoU .5" and r.split == "test"]
    return [
        {"kind": r.finding, "value": r.value, "low": r.low, "high": r.high, "images": r.images}
        for r in rows
    ]


def show(numbers: Numbers) -> Shown:
    """Drawn chests, then readers' boxes, then differences."""
    rows = numbers["phantoms"]
    images = next(row["images"] for row in rows if row["images"])
    phantoms = Table(
        ("boxes around", "AP at IoU .5"),
        tuple((row["kind"] or "mean", _plain(row)) for row in rows),
        f"Held-out drawn chests: {images} of {numbers['chests']}, a person each. Brackets: 95 % "
        "intervals, drawn by person.",
    )
    ways = numbers["ways"]
    every = Table(
        ("a box by", *MEASURES),
        tuple((name, *_cells(one)) for name, one in ways.items()),
        f"{numbers['boxes']} readers' boxes, of findings that are like something drawn, on "
        f"{numbers['images']} radiographs of {numbers['patients']} patients.",
    )
    gains = Table(
        ("less", *MEASURES),
        tuple(
            (f"{row['new']}, less {row['old']}", *_cells(row, sign=True))
            for row in numbers["differences"]
        ),
        "Differences on the same boxes. **Bold**: the interval is clear of zero.",
    )
    said = (
        f"On {numbers['none']} of the {numbers['boxes']} the detector drew no box of a kind that "
        "could stand for the finding: misses. It was shown no radiograph of a person with a box; "
        "one seed, for what it learnt."
    )
    figure = partial(froc_figure, numbers["froc"], "held-out drawn chests")
    return Shown((phantoms, every, gains), {"froc": figure}, (said,))


def _cells(row: Mapping[str, Told], *, sign: bool = False) -> list[str]:
    return [cell(row[name], sign=sign) for name in MEASURES]


def _plain(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "undefined"
    if row["low"] is None:
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})"


QUESTION = Question(
    "drawn_lesions",
    "Does learning from drawn lesions help?",
    "Boxes of readers are rare, and lesions can be drawn by code with exact boxes; does a network "
    "that learnt from those find anything on people, alone or beside an activation map?",
    measure,
    show,
    12.0,
)
