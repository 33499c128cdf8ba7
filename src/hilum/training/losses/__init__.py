"""Losses: pure functions, a file a family, and the table that recipes choose from.

Each function gives the loss of every cell, or of every row where findings exclude each other, and
0 where the mask is 0. What to divide their sum by is the caller's: the number of cells counted in
all parts of a batch, so that a batch worked off in parts gives the same gradient.
"""

from hilum.training.losses.counts import Counts
from hilum.training.losses.table import LOSSES, TaskLoss, build

__all__ = ["LOSSES", "Counts", "TaskLoss", "build"]
