"""Networks that draw boxes: a backbone, a head that finds boxes, and what learns beside it."""

from hilum.models.detection.build import HEADS, build_detector
from hilum.models.detection.detector import Detector, Found, Learning
from hilum.models.detection.targets import Targets

__all__ = ["HEADS", "Detector", "Found", "Learning", "Targets", "build_detector"]
