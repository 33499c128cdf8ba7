"""An instance that another system has."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hilum.errors import ServiceError
from hilum.service.dicom.contexts import RADIOGRAPHS
from hilum.service.pulling import Query

_UID = re.compile(r"[0-9.]{1,64}")
_LATERAL = ("LL", "RL", "LATERAL", "LLO", "RLO", "LAO", "RAO", "LPO", "RPO")


class TooMany(ServiceError):
    """A query finds more than a job may bring."""

    code = "too-many"


@dataclass(frozen=True, slots=True)
class Found:
    """One instance there.

    Attributes:
        study, series, uid: UIDs.
        sop_class: empty where it is not told.
        view: View Position (0018,5101); empty where it is not told.
    """

    study: str
    series: str
    uid: str
    sop_class: str = ""
    view: str = ""


def wanted(found: Found, query: Query) -> bool:
    """Whether an instance is one to bring, as far as the other system tells."""
    if not all(map(_UID.fullmatch, (found.study, found.series, found.uid))):
        return False
    if found.sop_class and found.sop_class not in RADIOGRAPHS:
        return False
    return query.every_view or found.view.strip().upper() not in _LATERAL


def check(count: int, most: int) -> None:
    """See that a job is not too long.

    Raises:
        TooMany: it is.
    """
    if count > most:
        raise TooMany(
            f"The query finds more than {most:,} radiographs, the limit here: narrow it by days or "
            f"patient."
        )
