"""Whether a heatmap shows what a network goes by: places taken away, and maps compared."""

from hilum.evaluation.faithfulness.likeness import likeness
from hilum.evaluation.faithfulness.places import (
    Curve,
    by_evidence,
    from_the_middle,
    mixed,
    shares,
)

__all__ = ["Curve", "by_evidence", "from_the_middle", "likeness", "mixed", "shares"]
