"""One radiograph looked at in rounds: decoded once, judged once, put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.domain import Heatmap, Note, Prediction, Radiograph, Rounds, finding
from hilum.reading.boxes.finding import found
from hilum.reading.rounds.checking import operating_points, restated
from hilum.reading.rounds.joining import JOINS_OF_PROBABILITIES, VOTES_TO_WIN, Joined, join
from hilum.reading.rounds.laying import lay_back
from hilum.reading.seen import Seen, finite, heatmaps
from hilum.transforms.preprocess import Part, fit, normalise
from hilum.transforms.rounds import look

if TYPE_CHECKING:
    from hilum.domain import Affine, FoundBox
    from hilum.reading.reader import Reader
    from hilum.reading.rounds.plan import Plan

UNSURE = "rounds-disagree"
"""Code of the note that tells which findings are left undecided."""


def several(
    reader: Reader, plan: Plan, radiograph: Radiograph, part: Part | None = None
) -> Seen | None:
    """Look at a radiograph in rounds, one forward pass each.

    A pass a picture is quicker on a processor than a batch: what the network holds of ten pictures
    no longer fits into the processor's caches.

    Args:
        reader: what looks.
        plan: how often, and how it is put together.
        radiograph: at what.
        part: what is shown of it, where the bundle crops.

    Returns:
        What they give together; None where the network gave no finite number in some round.
        Features are the mean of the rounds', heatmaps the rounds' maps laid back on the plain
        picture and added by the weights with which the rounds counted. Boxes that the graph drew
        are fused by equal weights, whatever the join ("weighted" as well), and a round counts for a
        box where its window shows the place.
        Rounds are joined, and their spread measured, at the prevalence of the bundle's training;
        what they say together is restated, so that no decision hangs on the prevalence asked for.
    """
    spec = reader.bundle.card.preprocessing
    outs, places = [], []
    for grey, place in look(radiograph.pixels, plan.rounds.chains, spec, part):
        out = reader.graph(normalise(grey, spec)[None])
        if not finite(out):
            return None
        outs.append(out)
        places.append(place)
    logits = np.stack([out.logits[0] for out in outs])
    trained = replace(reader.scale, restated={})
    said = [trained.predictions(row) for row in logits]
    probabilities = np.array([[p.probability for p in row] for row in said])
    points = operating_points(plan, reader.scale)
    joined = joined_by(plan, probabilities, reader.bundle.card.keys, points)
    maps: tuple[Heatmap, ...] = ()
    if (reader.heatmaps or reader.boxes) and outs[0].cams is not None:
        plain = _plain_place(radiograph, reader, part)
        cams = _maps([out.cams[0] for out in outs], places, joined, plain, spec.size)
        maps = heatmaps(reader.bundle.card, cams, plain)
    features = None
    if outs[0].features is not None:
        features = np.stack([out.features[0] for out in outs]).mean(axis=0, dtype=np.float32)
    together = (logits * joined.weights).sum(axis=0)
    predictions = _predictions(said[0], together, _told(reader, plan, joined, points), plan)
    boxes: tuple[FoundBox, ...] = ()
    if reader.boxes:
        drawn = [(out.boxes[0], at) for out, at in zip(outs, places, strict=True)
                 if out.boxes is not None]  # fmt: skip
        boxes = found(reader.bundle.card, drawn, maps, predictions, radiograph, part)
    names = tuple(one.name for one in plan.rounds.rounds)
    return Seen(
        features=features,
        predictions=predictions,
        heatmaps=maps if reader.heatmaps else (),
        notes=_notes(predictions, plan),
        rounds=Rounds(plan.rounds.name, plan.join, names, restated(reader.scale, probabilities)),
        boxes=boxes,
    )


def joined_by(
    plan: Plan,
    probabilities: NDArray[np.float64],
    keys: tuple[str, ...],
    points: NDArray[np.float64],
) -> Joined:
    """Rounds put together as a plan says.

    Args:
        plan: how.
        probabilities: [..., rounds, findings].
        keys: of the findings.
        points: operating points of one look, [findings], at the same prevalence; for a vote.
    """
    weights = None
    if plan.join == "weighted":
        weights = np.array(plan.weight_rows(keys)).T
    return join(probabilities, plan.join, thresholds=points, trim=plan.trim, weights=weights)


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """Probabilities and operating points at the prevalence asked for; spread at training's."""

    probability: NDArray[np.float64]
    point: NDArray[np.float64]
    spread: NDArray[np.float64]


def _told(reader: Reader, plan: Plan, joined: Joined, points: NDArray[np.float64]) -> _Told:
    if plan.join == "vote":
        return _Told(joined.probability, np.full(len(points), VOTES_TO_WIN), joined.spread)
    scale = reader.scale
    return _Told(restated(scale, joined.probability), restated(scale, points), joined.spread)


def _predictions(
    first: tuple[Prediction, ...], together: NDArray[np.float64], told: _Told, plan: Plan
) -> tuple[Prediction, ...]:
    most = plan.abstain_above
    found = []
    for at, one in enumerate(first):
        spread = float(told.spread[at])
        found.append(
            replace(
                one,
                logit=float(together[at]),
                probability=float(told.probability[at]),
                operating_point=float(told.point[at]),
                calibrated=one.calibrated and plan.join in JOINS_OF_PROBABILITIES,
                spread=spread,
                abstained=most is not None and spread > most,
            )
        )
    return tuple(found)


def _maps(
    cams: list[NDArray[np.float32]],
    places: list[Affine],
    joined: Joined,
    plain: Affine,
    size: tuple[int, int],
) -> NDArray[np.float32]:
    total = np.zeros(cams[0].shape, np.float32)
    for cam, place, weight in zip(cams, places, joined.weights, strict=True):
        laid = lay_back(cam, place.then(plain.inverse()), size)
        total += laid * weight[:, None, None].astype(np.float32)
    return total


def _plain_place(radiograph: Radiograph, reader: Reader, part: Part | None) -> Affine:
    """Where the plain input lies on the radiograph; only shapes are looked at."""
    spec = reader.bundle.card.preprocessing
    return fit(np.zeros(radiograph.pixels.shape, np.float32), spec, part)[1]


def _notes(predictions: tuple[Prediction, ...], plan: Plan) -> tuple[Note, ...]:
    rounds = plan.rounds
    works_on = "the radiograph" if rounds.each == "original" else "the round before"
    told = Note(
        "rounds",
        f"Read in {len(rounds.rounds)} rounds ({rounds.name}, each on {works_on}), joined by "
        f"{plan.join}; the bundle's calibration and measured results are of one plain look.",
        warning=False,
    )
    unsure = [finding(p.finding).name for p in predictions if p.abstained]
    if not unsure:
        return (told,)
    return told, Note(
        UNSURE,
        f"No decision on {', '.join(unsure)}: the rounds lie further apart than "
        f"{plan.abstain_above:g} (standard deviation of the probability).",
    )
