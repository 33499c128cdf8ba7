"""The lines that training writes, an epoch each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hilum.errors import RunError

EPOCHS = "epochs.jsonl"
"""Name of the file in the folder of each network."""


def read_epochs(path: Path) -> list[dict[str, Any]]:
    """The lines of a network's epochs, in order; none where there is no file yet.

    A last line that was cut, because the process was killed while it wrote, is left out.

    Raises:
        RunError: another line is no JSON object with ``epoch`` and ``step``.
    """
    if not path.exists():
        return []
    *whole, _cut = path.read_bytes().split(b"\n")
    lines: list[dict[str, Any]] = []
    for number, raw in enumerate(whole, 1):
        try:
            line = json.loads(raw)
            if not (isinstance(line["epoch"], int) and isinstance(line["step"], int)):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            raise RunError(
                f"{path.parent.name}/{path.name}, line {number}, is not what training wrote there. "
                f"Take the line out, or remove the folder {path.parent.name} to train that network "
                "again."
            ) from None
        lines.append(line)
    return lines
