"""What a header says and its picture contradicts."""

from __future__ import annotations

from dataclasses import dataclass

from hilum.domain import Note
from hilum.imaging.grey import GreyFacts


@dataclass(frozen=True, slots=True, eq=False)
class Suspicion:
    """One thing in a header that the picture contradicts.

    Attributes:
        note: what is doubted, when the picture is shown as the header says.
        mended: what was done, when it is mended; None where the doubt is too weak to mend.
        facts: what the stored values mean after this mend and those before it.
        swapped: the cells' bytes must be swapped.
    """

    note: Note
    mended: Note | None = None
    facts: GreyFacts | None = None
    swapped: bool = False
