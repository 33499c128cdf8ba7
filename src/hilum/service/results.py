"""What was said of a radiograph is kept once, together with all that follows from it.

One transaction: the reading, the state of the radiograph, the urgency of its study, and what has to
be sent. Whatever ends the process before leaves a radiograph that waits; after, nothing is left to
do for the one who read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from hilum.errors import NotNow
from hilum.service.settings import Result, Settings
from hilum.service.store import Store
from hilum.service.store.tables import Delivery, Instance, Reading, Study
from hilum.service.urgency import urgency

FOR_REFUSALS = frozenset({"sr"})
"""What is sent of a radiograph that was refused: the report says why. The rest would be empty."""


_ORDER_S = 1e-4
"""Between what is sent of one reading, so that reports go first."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one way of reading said of one radiograph.

    Attributes:
        reading: id of the row to be, whose folder holds the files already.
        instance: id of the radiograph.
        reader: see :class:`hilum.service.store.tables.Reading`.
        bundle: "name version" of bundle or cascade.
        bundle_digest: its digest.
        kind: "reading" or "refusal".
        record: plain JSON; see :class:`hilum.service.store.tables.Reading`.
        maps: whether there are lungs or heatmaps, of which a segmentation can be made.
        seconds: that reading took.
    """

    reading: str
    instance: str
    reader: str
    bundle: str
    bundle_digest: str
    kind: Literal["reading", "refusal"]
    record: dict[str, Any]
    maps: bool = False
    seconds: float = 0.0


def keep(store: Store, settings: Settings, said: Said) -> bool:
    """Keep what was said.

    Args:
        store: the database.
        settings: name the places and programs that are told.
        said: what; its files are on the disk.

    Returns:
        Whether a reading of that id is there now, with its files: False where the radiograph was
        deleted meanwhile, so that nothing of it may stay.

    Raises:
        NotNow: the database is away; nothing was kept.
    """
    for _ in range(3):  # another reader whose lease had ended may keep the same at this moment
        try:
            return _keep(store, settings, said)
        except IntegrityError:
            continue
    raise NotNow("Others change the same radiograph at this moment; come again.")


def _keep(store: Store, settings: Settings, said: Said) -> bool:
    now = time.time()
    with store.writing() as session:
        found = _locked(session, said.instance)
        if found is None:
            return False
        study, instance = found
        instance.state = "read" if said.kind == "reading" else "refused"
        instance.lease, instance.lease_until = "", 0.0
        instance.why_code, instance.why = _why(said)
        if session.get(Reading, said.reading) is None:
            session.add(
                Reading(
                    id=said.reading, instance_id=said.instance, reader=said.reader,
                    bundle=said.bundle, bundle_digest=said.bundle_digest, kind=said.kind,
                    record=said.record, urgency=urgency(said.kind, said.record), made_at=now,
                    seconds=said.seconds,
                )
            )  # fmt: skip
            session.flush()
            for number, (place, kind) in enumerate(_sent(settings, instance, said)):
                row = _delivery(said.reading, study.id, place, kind, now + number * _ORDER_S)
                session.add(row)
            tell(session, settings, "reading", said.reading, study.id)
            _open_again(study)
        study.urgency = _urgency_of(session, study.id)
    return True


def lay_aside(store: Store, settings: Settings, instance: str, why: str) -> None:
    """Take a radiograph out of the queue that Hilum failed on as often as it may.

    Args:
        store: the database.
        settings: name the programs that are told.
        instance: id of its row.
        why: a sentence without patient data.

    Raises:
        NotNow: the database is away.
    """
    with store.writing() as session:
        found = _locked(session, instance)
        if found is None:
            return
        study, row = found
        row.state, row.lease, row.lease_until = "failed", "", 0.0
        row.why_code, row.why = "failed", why
        session.flush()
        _open_again(study)
        study.urgency = _urgency_of(session, study.id)
        tell(session, settings, "reading", instance, study.id)


def put_back(store: Store, instance: str, *, wait_s: float, counts: bool) -> None:
    """Let a radiograph that was taken be taken again.

    Args:
        store: the database.
        instance: id of its row.
        wait_s: not before so long.
        counts: whether this was one of its tries; not where the disk was full, say.

    Raises:
        NotNow: the database is away.
    """
    with store.writing() as session:
        row = session.scalar(select(Instance).where(Instance.id == instance).with_for_update())
        if row is None or row.state != "reading":
            return
        row.state, row.lease, row.lease_until = "waiting", "", 0.0
        row.not_before = time.time() + wait_s
        if not counts:
            row.attempts = max(0, row.attempts - 1)


def _locked(session: Session, instance: str) -> tuple[Study, Instance] | None:
    """A radiograph and its study, which others do not change until this transaction ends."""
    row = session.get(Instance, instance)
    if row is None:
        return None
    study = session.scalar(
        select(Study).where(Study.id == row.study_id).with_for_update(key_share=True)
    )
    return None if study is None else (study, row)


def _open_again(study: Study) -> None:
    """Who reviewed a study before this was said has not seen it."""
    study.reviewed_at, study.reviewed_by = None, ""


def _urgency_of(session: Session, study: str) -> float:
    """Of the most urgent radiograph of a study, by what was said of each last."""
    rows = session.execute(
        select(Reading.instance_id, Reading.urgency)
        .join(Instance)
        .where(Instance.study_id == study)
        .order_by(Reading.made_at)
    )
    read = max({row[0]: row[1] for row in rows}.values(), default=0.0)
    failed = session.scalar(
        select(Instance.id).where(Instance.study_id == study, Instance.state == "failed").limit(1)
    )
    return max(read, 0.0 if failed is None else urgency("failed"))


def _why(said: Said) -> tuple[str, str]:
    """Code and message of a refusal; empty of a reading."""
    if said.kind == "reading":
        return "", ""
    reasons = said.record["reasons"]
    return reasons[0]["code"], " ".join(reason["message"] for reason in reasons)


def _sent(settings: Settings, instance: Instance, said: Said) -> list[tuple[str, str]]:
    """Place and kind of each result that is sent, reports first; none without a header."""
    if instance.format != "dicom":
        return []
    return [
        (place.name, kind)
        for kind in get_args(Result)
        for place in settings.places
        if kind in place.send
        and (said.kind == "reading" or kind in FOR_REFUSALS)
        and (kind != "seg" or said.maps)
    ]


def tell(session: Session, settings: Settings, event: str, key: str, study: str) -> None:
    """Let programs be told of an event; one that was told of the same before is told again."""
    now = time.time()
    for webhook in settings.webhooks:
        if event not in webhook.events:
            continue
        kind = f"webhook:{event}"
        there = session.scalar(
            select(Delivery).where(
                Delivery.key == key, Delivery.place == webhook.name, Delivery.kind == kind
            )
        )
        if there is None:
            session.add(_delivery(key, study, webhook.name, kind, now))
        else:
            there.state, there.attempts, there.not_before, there.why = "due", 0, 0.0, ""
            there.made_at, there.lease = now, ""


def _delivery(key: str, study: str, place: str, kind: str, now: float) -> Delivery:
    return Delivery(key=key, study_id=study, place=place, kind=kind, made_at=now)
