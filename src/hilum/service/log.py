"""The log of the server: what happened, never to whom."""

from __future__ import annotations

import json
import logging
import time
import traceback
from pathlib import Path

log = logging.getLogger("hilum.service")


def begin(role: str, form: str = "text") -> None:
    """Write the log of this process to standard error, a line each.

    Args:
        role: of the process.
        form: "text" or "json".
    """
    line = f"%(asctime)s {role} %(levelname)s %(message)s"
    text = logging.Formatter(line, "%Y-%m-%dT%H:%M:%S%z")
    handler = logging.StreamHandler()
    handler.setFormatter(_Json(role) if form == "json" else text)
    log.handlers.clear()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    for noisy in ("pynetdicom", "pydicom", "highdicom", "uvicorn.access", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)  # their lines may quote headers


class _Json(logging.Formatter):
    """One object a line."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        facts = {
            "at": f"{at}.{int(record.msecs):03}Z",
            "role": self._role,
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        return json.dumps(facts, ensure_ascii=False)


def failed(what: str, error: BaseException) -> None:
    """Log an unexpected error: its kind and places; its message may quote a header."""
    places = " < ".join(
        f"{Path(place.filename).name}:{place.lineno}"
        for place in reversed(traceback.extract_tb(error.__traceback__)[-6:])
    )
    log.error("%s failed: %s at %s", what, type(error).__name__, places)
