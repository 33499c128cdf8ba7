"""Everything that is told of predicted boxes, finding by finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hilum.domain.boxes import Boxes
from hilum.errors import EvaluationError
from hilum.evaluation import inputs
from hilum.evaluation.localisation.froc import Froc, froc
from hilum.evaluation.localisation.overlap import area
from hilum.evaluation.localisation.overlap_table import OverlapRow, overlap_table
from hilum.evaluation.localisation.pointing import centres_of_surest, pointing_game
from hilum.evaluation.localisation.predicted import (
    Convention,
    Images,
    Matches,
    PredictedBoxes,
    matches,
)
from hilum.evaluation.localisation.resampled import ByPatient, average_precision_draws, measures
from hilum.evaluation.measure import Measure


@dataclass(frozen=True, slots=True)
class FindingLocalisation:
    """The boxes of one finding.

    Attributes:
        finding: key.
        images: that count for it.
        boxes: that readers drew on them.
        predicted: boxes on them.
        elsewhere: predicted boxes on images that do not count, left out.
        ap_coco: average precision at an IoU of .5 by COCO.
        ap_voc2010: the same by VOC 2010.
        froc: sensitivity over false boxes an image, at an IoU of .5.
        pointing: pointing game of the middle of the surest box.
        pointing_by_chance: share of the images' area that boxes cover, mean over images with a
            box; undefined where image sizes are not known.
        iobb: a row a threshold of the ChestX-ray8 paper.
        iou: likewise.
    """

    finding: str
    images: int
    boxes: int
    predicted: int
    elsewhere: int
    ap_coco: Measure
    ap_voc2010: Measure
    froc: Froc
    pointing: Measure
    pointing_by_chance: Measure
    iobb: tuple[OverlapRow, ...]
    iou: tuple[OverlapRow, ...]


@dataclass(frozen=True, slots=True)
class LocalisationResult:
    """The boxes of all findings.

    Attributes:
        each: one a finding.
        map_coco: mean of the average precisions at an IoU of .5 by COCO.
        map_voc2010: the same by VOC 2010.
        images: on which boxes were looked for.
        patients: of these images.
        counted: which images count for a finding.
        notes: what was left out.
    """

    each: tuple[FindingLocalisation, ...]
    map_coco: Measure
    map_voc2010: Measure
    images: int
    patients: int
    counted: Images
    notes: tuple[str, ...] = ()


_CONVENTIONS: tuple[Convention, ...] = ("coco", "voc2010")


def appraise(  # noqa: PLR0913  (each is a choice of its own)
    reference: Boxes,
    predicted: PredictedBoxes,
    findings: Sequence[str],
    patients: ArrayLike,
    rng: np.random.Generator,
    *,
    images: Images = "annotated",
    sizes: ArrayLike | None = None,
    looked: Mapping[str, NDArray[np.bool_]] | None = None,
    samples: int = 2000,
    level: float = 0.95,
) -> LocalisationResult:
    """Measure boxes in every way, with intervals clustered by patient.

    Args:
        reference: boxes that readers drew.
        predicted: on the same rows, with scores.
        findings: keys; each is measured on its own.
        patients: who each image is of, [images].
        rng: the source of chance.
        images: "annotated", or "boxed" where readers drew only some findings on some images, as in
            ChestX-ray14.
        sizes: width and height of every image, [images, 2]; 0 where unknown.
        looked: finding → images on which the model looked for it, bool [images]; others do not
            count for it. All images where None.
        samples: number of draws of patients.
        level: confidence level.

    Returns:
        The numbers; undefined ones say why.

    Raises:
        EvaluationError: no finding, or shapes that do not go together.
    """
    if not findings:
        raise EvaluationError("name the findings whose boxes are measured")
    n = len(reference.annotated)
    who = inputs.codes(patients, "patients", n)
    of = {key: reference if looked is None else reference.only(looked[key]) for key in findings}
    by: dict[Convention, list[Matches]] = {
        kind: [matches(of[key], predicted, key, convention=kind, images=images) for key in findings]
        for kind in _CONVENTIONS
    }
    draws = ByPatient(who, rng, samples, level)
    means = {
        kind: measures(
            every, partial(average_precision_draws, coco=kind == "coco"), findings, draws
        )[0]
        for kind, every in by.items()
    }
    each: list[FindingLocalisation] = []
    for at, key in enumerate(findings):
        found = by["voc2010"][at]
        each.append(
            FindingLocalisation(
                finding=key,
                images=int(found.counted.sum()),
                boxes=int(found.boxes.sum()),
                predicted=len(found.row),
                elsewhere=found.elsewhere,
                ap_coco=means["coco"].each[at],
                ap_voc2010=means["voc2010"].each[at],
                froc=froc(of[key], predicted, key, images=images, by=draws),
                pointing=pointing_game(
                    of[key], key, centres_of_surest(predicted, key, n), by=draws
                ),
                pointing_by_chance=_covered(of[key], key, sizes),
                iobb=overlap_table(of[key], predicted, key, images=images, by=draws),
                iou=overlap_table(of[key], predicted, key, overlap="iou", images=images, by=draws),
            )
        )
    return LocalisationResult(
        each=tuple(each),
        map_coco=means["coco"].mean,
        map_voc2010=means["voc2010"].mean,
        images=int(reference.annotated.sum()),
        patients=len(np.unique(who[reference.annotated])),
        counted=images,
        notes=tuple(_notes(reference, predicted, findings, each)),
    )


def _notes(
    reference: Boxes,
    predicted: PredictedBoxes,
    findings: Sequence[str],
    each: Sequence[FindingLocalisation],
) -> list[str]:
    notes: list[str] = []
    elsewhere = sum(one.elsewhere for one in each)
    if elsewhere:
        notes.append(f"{elsewhere:,} predicted boxes lie on images that do not count: left out.")
    for what, boxes in (("reference", reference.finding), ("predicted", predicted.finding)):
        others = sorted(set(boxes.tolist()) - set(findings))
        if others:
            count = int(np.isin(boxes, np.array(others, object)).sum())
            notes.append(f"{count:,} {what} boxes of other findings ({', '.join(others)}).")
    return notes


def _covered(reference: Boxes, finding: str, sizes: ArrayLike | None) -> Measure:
    """Share of the area that boxes of the finding cover, mean over images that have some."""
    mine = reference.finding == finding
    rows = reference.row[mine]
    if not len(rows):
        return Measure(None, f"no image has a box of {finding}")
    if sizes is None:
        return Measure(None, "the sizes of the images are not known")
    size = inputs.numbers(sizes, "sizes")
    n = len(reference.annotated)
    if size.shape != (n, 2):
        raise EvaluationError(f"sizes must have shape [{n}, 2], got {list(size.shape)}")
    boxed = np.unique(rows)
    if (size[boxed] <= 0).any():
        return Measure(None, "the sizes of some images are not known")
    areas = np.array([area(reference.xywh[mine][rows == row]) for row in boxed.tolist()])
    share = areas / size[boxed].prod(1)
    return Measure(float(share.mean()), positives=len(boxed))
