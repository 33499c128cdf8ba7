"""A collection → pictures of one size and format, under made-up names, with the way back."""

from hilum.datasets.convert.classes import from_folders, from_labels
from hilum.datasets.convert.estimate import Estimate, estimate
from hilum.datasets.convert.options import Options
from hilum.datasets.convert.plan import Plan, plan
from hilum.datasets.convert.run import ENGINES, Summary, convert, run, start
from hilum.datasets.convert.wayback import images_of, output_names

__all__ = [
    "ENGINES",
    "Estimate",
    "Options",
    "Plan",
    "Summary",
    "convert",
    "estimate",
    "from_folders",
    "from_labels",
    "images_of",
    "output_names",
    "plan",
    "run",
    "start",
]
