"""What drawing returns: the picture and exact knowledge of what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilum.domain import View


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A drawn radiograph; for tests, demonstrations and pre-training, never for claims.

    Attributes:
        pixels: float32 [rows, columns] in [0, 1], 0 black. Read-only.
        spacing_mm: side of a pixel at the detector.
        view: the projection that was drawn.
        masks: exact masks by name, bool [rows, columns]: for a chest "lung_left" and
            "lung_right" (the patient's sides), "heart", and one a lesion, named after its finding
            ("nodule", a second one "nodule-2").
        parameters: what was drawn, by name: measures in mm, ratios, what was shown how.
    """

    pixels: NDArray[np.float32]
    spacing_mm: float
    view: View
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    parameters: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype != np.float32:
            raise ValueError(
                f"pixels must be float32 [rows, columns], got "
                f"{self.pixels.dtype} {list(self.pixels.shape)}"
            )
        for name, mask in self.masks.items():
            if mask.shape != self.pixels.shape or mask.dtype != np.bool_:
                raise ValueError(
                    f"mask {name!r} must be bool {list(self.pixels.shape)}, got "
                    f"{mask.dtype} {list(mask.shape)}"
                )
            mask.flags.writeable = False
        self.pixels.flags.writeable = False

    @property
    def boxes(self) -> dict[str, tuple[int, int, int, int]]:
        """The smallest box (x, y, width, height) in pixels around each mask that is not empty."""
        out: dict[str, tuple[int, int, int, int]] = {}
        for name, mask in self.masks.items():
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            if rows.size:
                x, y = int(columns[0]), int(rows[0])
                out[name] = (x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)
        return out
