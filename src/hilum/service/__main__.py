"""``python -m hilum.service ROLE``: one process of the server; its settings come as JSON."""

from __future__ import annotations

import os
import sys

from hilum.registry import Registry
from hilum.service.log import begin, failed
from hilum.service.process import here
from hilum.service.settings import Settings

ROLES = Registry(
    "process of the server",
    [
        ("web", "hilum.service.web.process:run"),
        ("dicom", "hilum.service.dicom.process:run"),
        ("read", "hilum.service.reading.process:run"),
        ("send", "hilum.service.sending.process:run"),
    ],
)
"""Each a function of :class:`hilum.service.process.Here` that returns when ``stop`` is set."""


def main() -> int:
    """Run one process; its settings are read from standard input."""
    os.umask(0o077)
    role = sys.argv[1]
    settings = Settings.model_validate_json(sys.stdin.read())
    begin(role, settings.log)
    try:
        ROLES.resolve(role)(here(role, settings))
    except Exception as error:
        failed(role, error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
