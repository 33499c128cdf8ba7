"""Typed access to header elements that may be absent, empty, repeated or nonsense."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence as _Sequence
from typing import Any, cast

from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from hilum.errors import InvalidHeader
from hilum.imaging.dicomfile import PARSE_ERRORS

EXPORT_AGAIN = "Export the image again, or ask the maker of the program that wrote it."
"""What to do about a header that was written wrongly."""

_Values = _Sequence[Any]
_CODE = re.compile(r"[A-Z0-9 _]{1,16}")
_SEVERAL = (MultiValue, Sequence, list, tuple)


def first(dataset: Dataset, keyword: str) -> Any:
    """The value, or the first of several; None where it is absent or empty.

    Raises:
        InvalidHeader: the value cannot be parsed.
    """
    try:
        value: Any = dataset.get(keyword)
        if isinstance(value, _SEVERAL):
            several = cast("_Values", value)
            value = several[0] if len(several) else None
    except PARSE_ERRORS as error:
        raise _no_value(keyword, "a value of its kind") from error
    return None if value is None or value == "" else value


def every(dataset: Dataset, keyword: str) -> tuple[Any, ...]:
    """All values; empty where it is absent or empty.

    Raises:
        InvalidHeader: a value cannot be parsed.
    """
    try:
        value: Any = dataset.get(keyword)
        if isinstance(value, _SEVERAL):
            return tuple(cast("_Values", value))
    except PARSE_ERRORS as error:
        raise _no_value(keyword, "a value of its kind") from error
    return () if value is None or value == "" else (value,)


def unescaped(text: str) -> str:
    """A text without the codes that call GB 2312 or KS X 1001, which pydicom may leave in it.

    Source:
        PS3.3 C.12.1.1.2 (ISO 2022 IR 58, IR 149); PS3.5 K.
    """
    return text.replace("\x1b$)A", "").replace("\x1b$)C", "")


def integer(dataset: Dataset, keyword: str) -> int | None:
    """A whole number; None where it is absent.

    Raises:
        InvalidHeader: it is something else.
    """
    value = first(dataset, keyword)
    if value is None:
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _no_value(keyword, "a whole number") from error


def number(dataset: Dataset, keyword: str) -> float | None:
    """A number, which may be NaN or infinite; None where it is absent.

    Raises:
        InvalidHeader: it is no number.
    """
    value = first(dataset, keyword)
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise _no_value(keyword, "a number") from error


def _no_value(keyword: str, kind: str) -> InvalidHeader:
    return InvalidHeader(f"{keyword} is not {kind} (PS3.5 6.2). {EXPORT_AGAIN}")


def code(dataset: Dataset, keyword: str) -> str | None:
    """A Code String (PS3.5 6.2) in upper case without blanks around it.

    None where it is absent, unreadable, or no such string: where a length is damaged, a value
    swallows the elements behind it, with the patient's name.
    """
    try:
        value = first(dataset, keyword)
    except InvalidHeader:
        return None
    return as_code(value)


def as_code(value: object) -> str | None:
    """A value as a Code String (PS3.5 6.2); None where it is none."""
    text = "" if value is None else str(value).strip(" \x00").upper()
    return text if _CODE.fullmatch(text) else None


def positive(dataset: Dataset, keyword: str) -> float | None:
    """A finite number above 0; None where it is absent, unreadable or something else."""
    try:
        value = number(dataset, keyword)
    except InvalidHeader:
        return None
    return value if value is not None and math.isfinite(value) and value > 0 else None
