"""Where findings are: boxes that a model drew against boxes that readers drew."""

from hilum.evaluation.localisation.appraisal import (
    FindingLocalisation,
    LocalisationResult,
    appraise,
)
from hilum.evaluation.localisation.evidence import evidence_in_boxes
from hilum.evaluation.localisation.froc import Froc, froc
from hilum.evaluation.localisation.overlap import dice, hull, iobb, iou, region_iou
from hilum.evaluation.localisation.overlap_table import OverlapRow, overlap_table
from hilum.evaluation.localisation.pointing import centres_of_surest, pointing_game
from hilum.evaluation.localisation.precision import (
    average_precision_boxes,
    mean_average_precision,
)
from hilum.evaluation.localisation.predicted import (
    Convention,
    Images,
    Matches,
    PredictedBoxes,
    matches,
)
from hilum.evaluation.localisation.resampled import ByPatient, Numbers
from hilum.evaluation.localisation.siim import Said, SiimScore, siim_score

__all__ = [
    "ByPatient",
    "Convention",
    "FindingLocalisation",
    "Froc",
    "Images",
    "LocalisationResult",
    "Matches",
    "Numbers",
    "OverlapRow",
    "PredictedBoxes",
    "Said",
    "SiimScore",
    "appraise",
    "average_precision_boxes",
    "centres_of_surest",
    "dice",
    "evidence_in_boxes",
    "froc",
    "hull",
    "iobb",
    "iou",
    "matches",
    "mean_average_precision",
    "overlap_table",
    "pointing_game",
    "region_iou",
    "siim_score",
]
