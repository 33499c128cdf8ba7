"""The log of the server: what happened, never to whom."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

log = logging.getLogger("hilum.service")


def begin(role: str) -> None:
    """Write the log of this process to standard error, a line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        logging.Formatter(f"%(asctime)s {role} %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    )
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    for noisy in ("pynetdicom", "pydicom", "highdicom", "uvicorn.access", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # their lines may quote headers


def failed(what: str, error: BaseException) -> None:
    """Log an unexpected error: its kind and places; its message may quote a header."""
    places = " < ".join(
        f"{Path(place.filename).name}:{place.lineno}"
        for place in reversed(traceback.extract_tb(error.__traceback__)[-6:])
    )
    log.error("%s failed: %s at %s", what, type(error).__name__, places)
