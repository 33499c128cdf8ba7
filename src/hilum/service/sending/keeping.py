"""What has been kept for long enough is deleted."""

from __future__ import annotations

from hilum.service.process import Here


def step(here: Here) -> float:
    """Do what is due now; see :data:`hilum.service.sending.process.WORK`."""
    return 1.0
