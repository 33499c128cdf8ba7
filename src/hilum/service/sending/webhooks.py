"""Programs that have to be told, signed."""

from __future__ import annotations

from hilum.service.process import Here


def step(here: Here) -> float:
    """Do what is due now; see :data:`hilum.service.sending.process.WORK`."""
    return 1.0
