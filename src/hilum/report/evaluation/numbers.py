"""How a measured number is written."""

from __future__ import annotations

from hilum.evaluation import Measure


def plain(measure: Measure | None, digits: int = 3) -> str:
    """A number with its interval as text; "undefined" or "–" where there is none.

    Example:
        >>> plain(Measure(0.8123, low=0.79, high=0.834))
        '0.812 (0.790 to 0.834)'
        >>> plain(Measure(-0.02)), plain(Measure(None, "no positive")), plain(None)
        ('−0.020', 'undefined', '–')
    """
    if measure is None:
        return "–"
    if measure.value is None:
        return "undefined"
    value = number(measure.value, digits)
    if measure.low is None or measure.high is None:
        return value
    low, high = number(measure.low, digits), number(measure.high, digits)
    return f"{value} ({low} to {high})"


def number(value: float, digits: int = 3) -> str:
    """A number with a true minus sign and no "−0.000".

    Example:
        >>> number(-0.0001), number(-1.5, 1), number(1234.5, 0)
        ('0.000', '−1.5', '1,234')
    """
    text = f"{value:,.{digits}f}"
    if text.startswith("-"):
        text = "−" + text[1:] if text.strip("-0.,") else text[1:]
    return text


def point_name(name: str) -> str:
    """An operating point as people write it.

    Example:
        >>> point_name("sensitivity>=0.9"), point_name("youden"), point_name("card")
        ('sensitivity ≥ 0.9', "Youden's index", "the bundle's card")
    """
    known = {"youden": "Youden's index", "card": "the bundle's card"}
    return known.get(name, name.replace(">=", " ≥ "))


def share(level: float) -> str:
    """A share as a percentage.

    Example:
        >>> share(0.95), share(0.005)
        ('95 %', '0.5 %')
    """
    return f"{100 * level:.3g} %"


def p_value(value: float | None) -> str:
    """A p-value as journals print it.

    Example:
        >>> p_value(0.04321), p_value(0.00002), p_value(None)
        ('0.043', '< 0.001', '–')
    """
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
