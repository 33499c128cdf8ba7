"""Images of predictions found among those of a label table, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.domain.text import Text, first_few, repeated
from hilum.errors import LabelError

_ENDING = re.compile(
    r"\.(?:png|jpe?g|dcm|dicom|ima|tiff?|bmp|npy|jp2|webp|nii(?:\.gz)?)$", re.IGNORECASE
)


def rows_of(names: Text, images: Text) -> tuple[NDArray[np.int64], str]:
    """Where the images of predictions stand in a table.

    Args:
        names: of the predictions, each once.
        images: of the table, each once.

    Returns:
        Row of the table of each name, -1 for none, int64 [names]; and by what they were matched, ""
        for the whole name: the first way is taken that finds any, as names that are written alike
        up to there and differ still are of different images.

    Raises:
        LabelError: they match only by a part of the name that several share.
    """
    for how, short in _shortened():
        theirs = [short(name) for name in images.tolist()]
        ours = [short(name) for name in names.tolist()]
        row_of = {name: row for row, name in enumerate(theirs)}
        row = np.array([row_of.get(name, -1) for name in ours], np.int64)
        if not (row >= 0).any():
            continue
        twice = sorted(set(repeated(theirs)) & set(ours) | set(repeated(ours)) & set(theirs))
        if twice:
            raise LabelError(
                f"Images match only by {how}, and {len(twice):,} of these stand more than once: "
                f"{first_few(twice)}. Write names in the predictions as the label table does."
            )
        return row, how
    return np.full(len(names), -1, np.int64), ""


def stem(name: str) -> str:
    """The last part of a path without the ending of an image; other dots belong to the name.

    Example:
        >>> stem("a/1.2.840.dcm"), stem("x/scan.nii.gz"), stem("p1.study2")
        ('1.2.840', 'scan', 'p1.study2')
    """
    last = PurePosixPath(name.replace("\\", "/")).name
    return _ENDING.sub("", last)


def _shortened() -> Iterator[tuple[str, Any]]:
    yield "", lambda name: name
    yield "the last part of their paths", lambda name: PurePosixPath(name.replace("\\", "/")).name
    yield "the last part of their paths without its ending", stem
