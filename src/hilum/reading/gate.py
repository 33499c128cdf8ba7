"""Is this a frontal chest radiograph that the bundle can judge?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.store import Bundle
from hilum.domain import GateVerdict, Radiograph


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """The quality gate of one bundle."""

    @classmethod
    def of(cls, bundle: Bundle) -> Gate:
        """Load the bundle's feature statistics; without them only header and picture are checked."""
        raise NotImplementedError

    def look(self, radiograph: Radiograph) -> GateVerdict:
        """Judge by header and picture alone, before the network runs."""
        raise NotImplementedError

    def judge(self, verdict: GateVerdict, features: NDArray[np.float32] | None) -> GateVerdict:
        """Complete the verdict of :meth:`look` by the features [width] of one picture."""
        raise NotImplementedError
