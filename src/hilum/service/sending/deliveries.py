"""Deliveries of results: taken, sent, tried again, given up."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, get_args

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from hilum.service.process import Here
from hilum.service.settings import Result
from hilum.service.store.tables import Delivery

KINDS: tuple[str, ...] = get_args(Result)

LEASE_S = 300.0
"""Who has not sent what it took by then is taken for dead."""

FIRST_S, LONGEST_S = 1.0, 3600.0
"""Between two tries: a second, then twice as long each time, up to an hour."""

TRIES = 60
"""Where a place is away: about two days."""

REFUSALS = 6
"""Where a place answers and refuses: it will hardly change its mind; about half a minute."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that this process has.

    Attributes:
        id: of its row.
        reading: id of the reading.
        attempts: how often it was taken, this time too.
    """

    id: str
    reading: str
    kind: Result
    attempts: int


def due_places(here: Here) -> list[str]:
    """Names of places for which something is due."""
    with here.store.reading() as session:
        return list(session.scalars(select(Delivery.place).where(_due(time.time())).distinct()))


def take(here: Here, place: str, most: int) -> list[Taken]:
    """Take what has been due longest for a place."""
    now = time.time()
    wanted = (
        select(Delivery).where(_due(now), Delivery.place == place)
        .order_by(Delivery.made_at).limit(most).with_for_update(skip_locked=True)
    )  # fmt: skip
    with here.store.writing() as session:
        taken: list[Taken] = []
        for row in session.scalars(wanted):
            row.state, row.lease, row.lease_until = "sending", here.name, now + LEASE_S
            row.attempts += 1
            taken.append(Taken(row.id, row.key, cast("Result", row.kind), row.attempts))
        return taken


def sent(here: Here, delivery: Taken, note: str = "") -> None:
    """It arrived, or there was nothing to send, as the note says."""
    with here.store.writing() as session:
        row = _mine(session, here, delivery)
        if row is not None:
            row.state, row.sent_at, row.why, row.lease = "sent", time.time(), note, ""


def not_sent(here: Here, delivery: Taken, why: str, *, tries: int = TRIES) -> None:
    """It did not arrive: it is due again later, or given up after so many tries."""
    with here.store.writing() as session:
        row = _mine(session, here, delivery)
        if row is None:
            return
        row.why, row.lease = why[:500], ""
        if row.attempts >= tries:
            row.state = "dead"
        else:
            row.state, row.not_before = "due", time.time() + wait_s(row.attempts)


def hand_back(here: Here, deliveries: Sequence[Taken]) -> None:
    """Not tried at all: due at once, as if not taken."""
    with here.store.writing() as session:
        for delivery in deliveries:
            row = _mine(session, here, delivery)
            if row is not None:
                row.state, row.lease, row.attempts = "due", "", max(0, row.attempts - 1)


def begin(here: Here) -> None:
    """Make due again what a process had that is dead; give up what has no place any more."""
    names = [place.name for place in here.settings.places]
    results = Delivery.kind.in_(KINDS)
    lost = and_(results, Delivery.state == "sending", Delivery.lease != here.name)
    gone = and_(results, Delivery.state.in_(("due", "sending")), Delivery.place.not_in(names))
    with here.store.writing() as session:
        session.execute(update(Delivery).where(lost).values(state="due", lease=""))
        session.execute(
            update(Delivery).where(gone).values(
                state="dead", lease="", why="The settings name no such place any more.")
        )  # fmt: skip


def wait_s(attempts: int) -> float:
    """How long to wait after so many tries.

    Example:
        >>> [wait_s(n) for n in (1, 2, 3, 12, 13, 60)]
        [1.0, 2.0, 4.0, 2048.0, 3600.0, 3600.0]
    """
    return min(LONGEST_S, FIRST_S * 2.0 ** min(attempts - 1, 20))


def _due(now: float):  # noqa: ANN202  a condition of SQLAlchemy
    return and_(
        Delivery.kind.in_(KINDS),
        or_(
            and_(Delivery.state == "due", Delivery.not_before <= now),
            and_(Delivery.state == "sending", Delivery.lease_until < now),
        ),
    )


def _mine(session: Session, here: Here, delivery: Taken) -> Delivery | None:
    """The row, where this process still has it and it was not deleted."""
    row = session.get(Delivery, delivery.id)
    return row if row is not None and (row.state, row.lease) == ("sending", here.name) else None
