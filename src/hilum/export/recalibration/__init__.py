"""A bundle's calibration fitted anew on a local sample."""

from hilum.export.recalibration.recalibrate import Recalibration, recalibrate
from hilum.export.recalibration.result import METHODS, Asked, Moved, Recalibrated
from hilum.export.recalibration.sample import check_read_by, logits_of, uncalibrated

__all__ = [
    "METHODS",
    "Asked",
    "Moved",
    "Recalibrated",
    "Recalibration",
    "check_read_by",
    "logits_of",
    "recalibrate",
    "uncalibrated",
]
