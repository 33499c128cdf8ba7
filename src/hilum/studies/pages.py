"""Places in a page of the documentation that a study fills."""

from __future__ import annotations

import re
from pathlib import Path

from hilum.errors import RunError


def read_page(page: Path) -> str:
    """The text of a page.

    Raises:
        RunError: it is not there.
    """
    if not page.is_file():
        raise RunError(f"{page} is not there: it needs a place for what the study found.")
    return page.read_text(encoding="utf-8")


def placed(text: str, name: str, part: str, page: Path) -> str:
    """The text with a part between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.

    Raises:
        RunError: there is no such place.
    """
    place = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    if not place.search(text):
        raise RunError(f"{page.name} has no place between <!-- begin {name} --> and its end.")
    return place.sub(lambda found: f"{found[1]}\n{part}\n{found[2]}", text)
