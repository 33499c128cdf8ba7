"""Equal and near-equal pictures: one exposure published twice, in other sizes, cuts or contrasts.

Local features propose pairs, alignment and the correlation of fine structure decide.
"""

from hilum.similarity.confirmation import THRESHOLD
from hilum.similarity.duplicates import between, near_duplicates
from hilum.similarity.grouping import groups
from hilum.similarity.options import Options
from hilum.similarity.pair import Pair
from hilum.similarity.thumbnails import OnDemand, thumbnail

__all__ = [
    "THRESHOLD",
    "OnDemand",
    "Options",
    "Pair",
    "between",
    "groups",
    "near_duplicates",
    "thumbnail",
]
