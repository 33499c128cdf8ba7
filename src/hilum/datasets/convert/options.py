"""What the pictures shall be: whatever decides their bytes and their places."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from hilum.errors import RunError

Format = Literal["png", "jpeg", "htj2k"]
Layout = Literal["flat", "tree", "class"]
Bits = Literal["8", "keep"]

SUFFIXES: dict[str, str] = {"png": ".png", "jpeg": ".jpg", "htj2k": ".j2c"}
"""Format → suffix; HTJ2K is a bare codestream (ISO/IEC 15444-15)."""

LAYOUTS = ("flat", "tree", "class")
BITS = ("8", "keep")


@dataclass(frozen=True, slots=True)
class Options:
    """What the pictures shall be.

    Attributes:
        size: longest side in pixels; smaller pictures are not enlarged. None keeps the size.
        format: "png", "jpeg" or "htj2k" (HTJ2K without loss).
        bits: "8": grey levels as Hilum shows them, through window and VOI LUT. "keep": modality
            values at their stored depth, without window.
        quality: of JPEG, 1 to 100.
        layout: "flat", all in one folder; "tree", the folders of the source under made-up names;
            "class", a folder a class.
        drop_blurred: leave out what :mod:`hilum.imaging.checks` finds blurred.
        mend: put right what the picture shows to be wrong in its header; with bits "8" only.

    Raises:
        RunError: values that are unknown or go together badly.
    """

    size: int | None = 1024
    format: Format = "png"
    bits: Bits = "8"
    quality: int = 95
    layout: Layout = "flat"
    drop_blurred: bool = False
    mend: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("format", self.format, SUFFIXES),
            ("layout", self.layout, LAYOUTS),
            ("bits", self.bits, BITS),
        ):
            if value not in known:
                raise RunError(f"{name} {value!r} is unknown; give one of {', '.join(known)}.")
        if self.size is not None and self.size < 32:
            raise RunError(f"size {self.size}: give 32 px or more, or 0 to keep the size.")
        if not 1 <= self.quality <= 100:
            raise RunError(f"quality {self.quality}: give 1 to 100.")
        if self.bits == "keep" and self.format == "jpeg":
            raise RunError("JPEG holds 8 bits a sample: with bits kept, choose PNG or HTJ2K.")
        if self.bits == "keep" and self.mend:
            raise RunError(
                "Mending changes what the stored bits mean, so it does not go with bits kept."
            )

    @property
    def suffix(self) -> str:
        """Of the files, with its dot."""
        return SUFFIXES[self.format]

    def facts(self) -> dict[str, Any]:
        """The options as JSON holds them; the quality only where it counts."""
        facts = asdict(self)
        return facts | {"quality": self.quality if self.format == "jpeg" else None}
