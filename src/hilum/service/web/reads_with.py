"""The bundles that read here: what pages say of them, from their cards."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from hilum import bundles
from hilum.bundles import cascades
from hilum.errors import HilumError
from hilum.service.settings import Reading


@dataclass(frozen=True, slots=True)
class ReadsWith:
    """A bundle that reads here.

    Attributes:
        failed: titles of what its audits fail on.
        measured: finding → sensitivity and specificity at its operating point, where known.
        faulty: why it cannot be loaded; empty where it can.
    """

    name: str
    version: str = ""
    digest: str = ""
    failed: tuple[str, ...] = ()
    measured: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    faulty: str = ""


def reads_with(reading: Reading) -> tuple[ReadsWith, ...]:
    """The bundle, or each stage's bundle of the cascade.

    Args:
        reading: what reads, of the settings.
    """
    return _loaded(reading.bundle, reading.cascade)


@cache
def _loaded(bundle: str, cascade: str) -> tuple[ReadsWith, ...]:
    try:
        names = [stage.bundle for stage in cascades.load(cascade).stages] if cascade else [bundle]
    except HilumError as error:
        return (ReadsWith(cascade, faulty=error.code),)
    return tuple(_of(name) for name in dict.fromkeys(names))


def _of(name: str) -> ReadsWith:
    try:
        loaded = bundles.load(name)
    except HilumError as error:
        return ReadsWith(name, faulty=error.code)
    card = loaded.card
    measured = {
        one.key: (one.operating_point.sensitivity, one.operating_point.specificity)
        for one in card.findings
    }
    titles = tuple(dict.fromkeys(one.title for one in card.failed))
    return ReadsWith(card.name, card.version, loaded.digest, titles, measured)
