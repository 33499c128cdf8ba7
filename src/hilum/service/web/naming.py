"""How patients and times of headers are written on pages."""

from __future__ import annotations

from datetime import date

_FIRST_WIDE = 0x2E80  # radicals of Chinese characters, and what follows them


def person_name(value: str) -> str:
    """A name as PS3.5 6.2 (PN) has it, to be read.

    >>> person_name("WANG^XIAODONG=王^小東=")
    'WANG, XIAODONG · 王小東'
    >>> person_name("Doe^Jane^^Dr")
    'Dr Doe, Jane'
    >>> person_name("Müller^Jürgen")
    'Müller, Jürgen'
    """
    groups = [_group(group) for group in value.split("=")[:3]]
    return " · ".join(dict.fromkeys(group for group in groups if group))


def _group(group: str) -> str:
    family, given, middle, before, after = (
        part.strip() for part in (group.split("^") + [""] * 5)[:5]
    )
    if any(ord(letter) >= _FIRST_WIDE for letter in family + given):
        return f"{family}{given}{middle}"  # no spaces in Chinese, Japanese and Korean names
    names = ", ".join(part for part in (family, " ".join(filter(None, (given, middle)))) if part)
    return " ".join(part for part in (before, names, after) if part)


def day(taken: str) -> str:
    """Day and time of a header, ``2026-11-22 07:25``; what is unknown is left out.

    >>> day("20261122072501"), day("20261122"), day("2026"), day("")
    ('2026-11-22 07:25', '2026-11-22', '2026', '')
    """
    if len(taken) < 8:
        return taken
    text = f"{taken[:4]}-{taken[4:6]}-{taken[6:8]}"
    return f"{text} {taken[8:10]}:{taken[10:12]}" if len(taken) >= 12 else text


def age_years(birth: str, taken: str) -> int | None:
    """Whole years between two days as headers write them; None where one is unknown or wrong.

    >>> age_years("19600229", "20260228"), age_years("1960", "20260228")
    (65, None)
    """
    try:
        born, then = (date.fromisoformat(text[:8]) for text in (birth, taken))
    except ValueError:
        return None
    years = then.year - born.year - ((then.month, then.day) < (born.month, born.day))
    return years if 0 <= years < 130 else None
