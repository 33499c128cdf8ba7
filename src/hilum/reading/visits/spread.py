"""How much what a bundle says of an unchanged finding differs from visit to visit.

Measured on pairs of radiographs of one patient with the same label
(:mod:`hilum.reading.visits.measuring`) and kept as data, a file a bundle. A bundle without one is
compared by nothing: what it says may have changed, or not.
"""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hilum.bundles import Bundle
from hilum.errors import VisitError

SHIPPED = Path(__file__).with_name("spreads")
"""Those of the bundles that come with the package."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a change of one finding has to exceed.

    Attributes:
        log_odds: of the probability; more than 0.
        low: lower end of its interval of 95 %, patients drawn.
        high: upper end.
        patients: with such a pair.
        pairs: of radiographs with the same label.
    """

    log_odds: float
    low: float
    high: float
    patients: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Of one bundle.

    Attributes:
        bundle: "name version".
        scores: see :func:`scores_digest`; what is noted on a card later changes nothing.
        share: of the pairs with the same label whose change is at most the limit, in (0, 1).
        source: whose pairs, and which networks judged them.
        same_view: finding → limit, both PA or both AP.
        other_views: finding → limit for one PA and one AP, or a view that is not told.
        checked: what the rule says of the same pairs, each patient judged by limits of the others.
    """

    bundle: str
    scores: str
    share: float
    source: str
    same_view: Mapping[str, Limit]
    other_views: Mapping[str, Limit]
    checked: Mapping[str, Any]


def scores_digest(bundle: Bundle) -> str:
    """SHA-256 of what decides the probabilities of a bundle: graph, preprocessing, calibration."""
    card = bundle.card
    decides = {
        "graph": card.files[card.graph.file],
        "preprocessing": card.preprocessing.model_dump(mode="json"),
        "findings": [[f.key, f.calibration.model_dump(mode="json")] for f in card.findings],
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def spread_of(bundle: Bundle, own: Path | None = None) -> Spread | None:
    """The spread of a bundle; None where none was measured.

    Args:
        bundle: that reads findings.
        own: a folder with spreads of the user's own bundles.

    Raises:
        VisitError: a file is damaged.
    """
    wanted = scores_digest(bundle)
    for folder in (SHIPPED, *((own,) if own is not None else ())):
        for path in sorted(folder.glob("*.toml")):
            spread = read_spread(path)
            if spread.scores == wanted:
                return spread
    return None


def read_spread(path: Path) -> Spread:
    """Read one file.

    Raises:
        VisitError: it is none, or a limit is no number above 0.
    """
    try:
        held = tomllib.loads(path.read_text("utf-8"))
        spread = Spread(
            held["bundle"],
            held["scores"],
            held["share"],
            held["source"],
            _limits(held["same_view"]),
            _limits(held["other_views"]),
            held["checked"],
        )
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise VisitError(
            f"{path.name} is no spread of a bundle ({type(error).__name__}); make it anew with "
            f"python -m scripts.visits_measure."
        ) from error
    odd = [
        key
        for limits in (spread.same_view, spread.other_views)
        for key, limit in limits.items()
        if not (math.isfinite(limit.log_odds) and limit.log_odds > 0)
    ]
    if odd:
        raise VisitError(f"{path.name}: the limit of {odd[0]} is no number above 0.")
    return spread


def _limits(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Limit]:
    return {key: Limit(**row) for key, row in rows.items()}
