"""A patient's earlier radiographs: which they are, how they lie, and what has changed since."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from hilum.bundles import available, load
from hilum.domain import Note, Prediction, View
from hilum.errors import BundleError, CascadeError, ServiceError, VisitError
from hilum.reading.cascade.chain import Chain
from hilum.reading.visits import (
    Comparison,
    NotCompared,
    Registration,
    Spread,
    Visit,
    VisitPicture,
    compare,
    register,
    spread_of,
)
from hilum.reading.visits.spread import Limit
from hilum.service import evidence
from hilum.service.files import Files
from hilum.service.process import Here
from hilum.service.store.tables import Instance, Reading, Study

KEPT = "visit.npz"
"""In the folder of a reading: what comparing needs of the picture, made when first needed."""

_OTHER_PERSON = Note(
    "other-person",
    "Birth date or sex differ in the two headers: these may be two persons under one Patient ID.",
)

MOST = 60
"""Visits of one patient that are looked at, the latest ones."""


@dataclass(frozen=True, slots=True)
class Came:
    """One visit of a patient: a radiograph that was read.

    Attributes:
        study: row of its study.
        reading: row of what was said of it.
        visit: what comparisons need of it.
        other_person: its header tells another birth date or sex than that of the last visit: two
            persons may go by one Patient ID, and nothing is compared.
    """

    study: Study
    reading: Reading
    visit: Visit
    other_person: bool = False

    @property
    def when(self) -> str:
        """Digits to sort by: when it was taken, or when it came where no header tells."""
        return when(self.study)


def when(study: Study) -> str:
    """YYYYMMDDHHMMSS: when a study was taken; when it came where no header tells."""
    if len(study.taken) >= 8:
        return study.taken.ljust(14, "0")
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(study.arrived_at))


def visits(session: Session, reading_id: str) -> tuple[Came, ...]:
    """All visits of a patient up to that of one reading, the earliest first; it is the last.

    Of each other study one radiograph counts: one that was read in the same way and from the same
    direction, where there is one.

    Args:
        session: that reads.
        reading_id: of the reading that others are compared with.

    Returns:
        Only that one where its study names no patient.

    Raises:
        ServiceError: there is no such reading, or the radiograph was refused.
    """
    own = session.get(Reading, reading_id)
    if own is None or own.kind != "reading":
        raise ServiceError("There is no such reading; it may have been deleted.")
    study = session.scalars(
        select(Study).join(Instance).where(Instance.id == own.instance_id)
    ).one()
    now = _came(study, own)
    if not study.patient:
        return (now,)
    rows = session.execute(
        select(Study, Reading)
        .join(Instance, Instance.study_id == Study.id)
        .join(Reading, Reading.instance_id == Instance.id)
        .where(Study.patient == study.patient, Study.id != study.id, Reading.kind == "reading")
        .order_by(Study.taken.desc(), Study.arrived_at.desc(), Reading.made_at, Reading.id)
        .limit(10 * MOST)
    ).all()
    others: dict[str, list[Came]] = {}
    for its_study, reading in rows:
        if _order(its_study) < _order(study):
            one = _came(its_study, reading)
            one = replace(one, other_person=not _same_person(its_study, study))
            others.setdefault(its_study.id, []).append(one)
    chosen = [max(group, key=lambda one: _likest(one, now)) for group in others.values()]
    chosen.sort(key=lambda one: _order(one.study))
    return (*chosen[-MOST:], now)


def earlier(found: Sequence[Came], wanted: str = "") -> Came | None:
    """The visit to lay beside the last one.

    Args:
        found: of :func:`visits`.
        wanted: id of a reading among them; else the latest that was read in the same way, or the
            latest.
    """
    *before, now = found
    for one in before:
        if one.reading.id == wanted:
            return one
    same = [one for one in before if not one.other_person]
    alike = [one for one in same if one.visit.reader == now.visit.reader]
    return (alike or same or before or [None])[-1]


def compared(one: Came, now: Came, spread: Spread | None) -> Comparison | NotCompared:
    """What has changed from one visit to the last; nothing where they may be two persons'."""
    if one.other_person:
        return NotCompared((_OTHER_PERSON,))
    return compare(one.visit, now.visit, spread)


def lay(here: Here, earlier: str, later: str) -> Registration | NotCompared:
    """Lay the picture of one reading on that of another.

    Args:
        here: files and database.
        earlier: id of the reading whose picture is moved.
        later: id of the one that stays.

    Returns:
        The map, in pixels of the two ``display.png``.

    Raises:
        ServiceError: the two are not of one patient, one does not exist, or its files are gone.
    """
    with here.store.reading() as session:
        rows = session.execute(
            select(Reading.id, Study)
            .join(Instance, Instance.id == Reading.instance_id)
            .join(Study, Study.id == Instance.study_id)
            .where(Reading.id.in_((earlier, later)), Reading.kind == "reading")
        ).all()
        of = {row[0]: row[1] for row in rows}
        patients = {study.patient for study in of.values()}
        if len(of) != 2 or len(patients) != 1 or "" in patients:
            raise ServiceError("These are not two radiographs of one patient.")
        if not _same_person(of[earlier], of[later]):
            return NotCompared((_OTHER_PERSON,))
    pictures = [_picture(here.files, reading) for reading in (earlier, later)]
    return register(pictures[0], pictures[1])


def spread_for(here: Here, visit: Visit) -> Spread | None:
    """How much the bundle that read a visit varies; None where that was not measured."""
    reads = here.settings.reading
    own = here.settings.folder / "spreads"
    return _spread(visit.bundle_digest, reads.cascade, reads.bundle, own)


def predictions(record: Mapping[str, Any]) -> tuple[Prediction, ...]:
    """The predictions of a reading's record."""
    return tuple(
        Prediction(
            finding=row["finding"],
            logit=float(row["logit"] or 0.0),
            probability=row["probability"],
            operating_point=row["operating_point"],
            calibrated=row["calibrated"],
            spread=row.get("spread"),
            abstained=row["decision"] == "abstained",
        )
        for row in record["predictions"]
    )


def _same_person(one: Study, other: Study) -> bool:
    """Whether two headers under one Patient ID do not contradict each other.

    Names do not count: they are spelt in many ways, and change.
    """
    births = {study.birth_date for study in (one, other)} - {""}
    sexes = {study.sex for study in (one, other)} & {"M", "F"}
    return len(births) < 2 and len(sexes) < 2


def _order(study: Study) -> tuple[str, float, str]:
    return (when(study), study.arrived_at, study.id)


def _came(study: Study, reading: Reading) -> Came:
    view = View(reading.record["acquisition"]["view"])
    visit = Visit(
        reading.reader, reading.bundle, reading.bundle_digest, predictions(reading.record), view,
        study.taken,
    )  # fmt: skip
    return Came(study, reading, visit)


def _likest(one: Came, now: Came) -> tuple[bool, bool, float]:
    same_reader = one.visit.reader == now.visit.reader
    return (same_reader, one.visit.view is now.visit.view, one.reading.made_at)


@lru_cache(maxsize=32)
def _spread(digest: str, cascade: str, bundle: str, own: Path) -> Spread | None:
    if cascade:
        try:
            chain = Chain.of(cascade)
        except CascadeError:
            return None  # the page tells of it where it reads
        return _of_chain(chain, own) if chain.digest == digest else None
    for name in dict.fromkeys((bundle, *available())):
        try:
            loaded = load(name)
        except BundleError:
            continue  # the same
        if loaded.digest == digest and loaded.card.findings:
            return spread_of(loaded, own)
    return None


def _of_chain(chain: Chain, own: Path) -> Spread | None:
    """Limits of the findings that one stage alone can tell, each by its bundle's."""
    told = Counter(key for stage in chain.stages for key in stage.bundle.card.keys)
    same: dict[str, Limit] = {}
    other: dict[str, Limit] = {}
    share = 0.0
    for stage in chain.stages:
        spread = spread_of(stage.bundle, own)
        if spread is None:
            continue
        share = spread.share
        same |= {key: it for key, it in spread.same_view.items() if told[key] == 1}
        other |= {key: it for key, it in spread.other_views.items() if told[key] == 1}
    return Spread(str(chain), "", share, "of its bundles", same, other, {}) if same else None


def _picture(files: Files, reading: str) -> VisitPicture:
    path = files.reading(reading) / KEPT
    try:
        return VisitPicture.from_bytes(path.read_bytes())
    except (FileNotFoundError, VisitError):
        made = _made(files.reading(reading))
    files.write(path, made.to_bytes())
    return made


def _made(folder: Path) -> VisitPicture:
    pixels = _display(folder / evidence.DISPLAY)
    found = evidence.load(folder)
    return VisitPicture.made(pixels, found.lungs)


def _display(path: Path) -> NDArray[np.float32]:
    """Grey levels of ``display.png``, float32 in [0, 1]."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except FileNotFoundError:
        raise ServiceError("There is no picture of this reading: it is deleted.") from None
    colours = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if colours is None:
        raise ServiceError("The picture of a reading is damaged; have it read again.")
    blue_green_red = np.asarray(colours, np.uint16)
    levels = (blue_green_red[..., 2] << 8) | blue_green_red[..., 1]
    return (levels / np.float32(65535)).astype(np.float32)
