"""Dates and times of DICOM, shifted by whole days (PS3.5 6.2: DA, DT, TM)."""

from __future__ import annotations

import re
from datetime import date, timedelta

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_DATE_TIME = re.compile(
    r"(\d{4})(\d{2})(\d{2})((?:\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)?)((?:[+-]\d{4})?)"
)
_TIME = re.compile(r"\d{2}(:?\d{2}(:?\d{2}(\.\d{1,6})?)?)?")


def shifted(value: str, vr: str, days: int) -> str | None:
    """A date, time or both, so many days later.

    Args:
        value: as the header writes it.
        vr: "DA", "DT" or "TM"; a time of day stays as it is.
        days: how many; may be negative.

    Returns:
        The text; None for what is no date, a date without its day, or one that leaves the years 1
        to 9999.

    Example:
        >>> shifted("20260301", "DA", -1), shifted("20260301120000.5+0800", "DT", -1)
        ('20260228', '20260228120000.5+0800')
    """
    text = value.strip(" \x00")
    if vr == "TM":
        return text if _TIME.fullmatch(text) else None
    found = (_DATE if vr == "DA" else _DATE_TIME).fullmatch(text)
    if found is None:
        return None
    try:
        moved = date(*map(int, found.groups()[:3])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{moved:%Y%m%d}".rjust(8, "0") + "".join(found.groups()[3:])
