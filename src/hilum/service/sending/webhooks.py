"""Programs that have to be told, signed: what happened and ids, never a patient.

The body is JSON; ``Hilum-Signature`` is ``v1=`` and the HMAC-SHA256, in hex, of
``Hilum-Timestamp``, a full stop and the body, under the webhook's secret. An event may come twice,
with the same ``Hilum-Delivery``. An answer of 2xx within ten seconds ends it; 410 gives it up;
after anything else it comes again, later and later, :data:`TRIES` times in all.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from functools import cache
from threading import Thread

import urllib3
from sqlalchemy import or_, select, update
from urllib3.exceptions import HTTPError

import hilum
from hilum.errors import NotNow
from hilum.service.log import failed, log
from hilum.service.process import Here
from hilum.service.settings import Webhook
from hilum.service.store.tables import Delivery, Instance, Reading

TRIES = 14
"""In all; the last comes some hours after the first."""

AGAIN_S = 0.25
"""How often it is looked for what is due."""

LEASE_S = 120.0
"""More than :data:`_AT_ONCE` answers may take."""

ANSWER_S = 10.0
_BREATH_S = 1.0
_AT_ONCE = 8
_GONE = 410
_LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class _Due:
    """One telling."""

    id: str
    place: str
    kind: str
    key: str
    study: str
    made_at: float
    attempts: int


def step(here: Here) -> float:
    """Tell until asked to stop, a thread a webhook: one that is slow holds up no other."""
    forget_unknown(here)
    threads = [
        Thread(target=_serve, args=(here, hook), daemon=True, name=f"webhook {hook.name}")
        for hook in here.settings.webhooks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 3600.0


def _serve(here: Here, hook: Webhook) -> None:
    while not here.stop.is_set():
        try:
            wait = 0.0 if tell_due(here, hook) else AGAIN_S
        except NotNow:
            wait = _BREATH_S
        except Exception as error:  # of one event; the next may be sound
            failed(f"webhook {hook.name}", error)
            wait = _BREATH_S
        here.stop.wait(wait)


def tell_due(here: Here, hook: Webhook) -> int:
    """Tell one program what is due now, one after another.

    Returns:
        How many events that were.

    Raises:
        NotNow: the database is away.
    """
    due = _take(here, hook)
    for one in due:
        _keep(here, one, *_tell(here, one, hook))
    return len(due)


def forget_unknown(here: Here) -> None:
    """Give up what should go to webhooks that the settings no longer name."""
    known = [hook.name for hook in here.settings.webhooks]
    with here.store.writing() as session:
        session.execute(
            update(Delivery)
            .where(
                Delivery.kind.startswith("webhook:"), Delivery.place.not_in(known),
                Delivery.state.in_(("due", "sending")),
            )
            .values(state="dead", why="The settings name no such webhook any more.")
        )  # fmt: skip


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What ``Hilum-Signature`` holds.

    Args:
        secret: of the webhook.
        timestamp: ``Hilum-Timestamp``: seconds since 1970, UTC.
        body: as it is sent.
    """
    signed = timestamp.encode("ascii") + b"." + body
    return "v1=" + hmac.new(secret.encode("utf-8"), signed, hashlib.sha256).hexdigest()


def backoff_s(attempts: int) -> float:
    """How long after so many tries the next one comes: 1, 2, 4 … seconds, an hour at most."""
    return min(_LONGEST_S, 2.0 ** (attempts - 1))


def _take(here: Here, hook: Webhook) -> list[_Due]:
    now = time.time()
    its = Delivery.kind.startswith("webhook:") & (Delivery.place == hook.name)
    due = its & or_(
        (Delivery.state == "due") & (Delivery.not_before <= now),
        (Delivery.state == "sending") & (Delivery.lease_until < now),
    )
    with here.store.reading() as session:
        if session.scalar(select(Delivery.id).where(due).limit(1)) is None:
            return []
    with here.store.writing() as session:
        rows = session.scalars(
            select(Delivery).where(due).order_by(Delivery.not_before, Delivery.made_at)
            .limit(_AT_ONCE).with_for_update(skip_locked=True)
        ).all()  # fmt: skip
        for row in rows:
            row.state, row.lease, row.lease_until = "sending", here.name, now + LEASE_S
            row.attempts += 1
        return [
            _Due(row.id, row.place, row.kind, row.key, row.study_id, row.made_at, row.attempts)
            for row in rows
        ]


def _tell(here: Here, one: _Due, hook: Webhook) -> tuple[bool, bool, str]:
    """Tell one program.

    Returns:
        Whether it was told; whether it is of any use to try again; why not.
    """
    body = json.dumps(_event(here, one), separators=(",", ":")).encode("utf-8")
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Hilum/{hilum.__version__}",
        "Hilum-Delivery": one.id,
        "Hilum-Timestamp": timestamp,
        "Hilum-Signature": signature(hook.secret, timestamp, body),
    }
    try:
        answer = _connections().request(
            "POST", hook.url, body=body, headers=headers, redirect=False, retries=False,
            timeout=urllib3.Timeout(total=ANSWER_S), preload_content=False,
        )  # fmt: skip
        try:
            status = answer.status  # what it says is of no use, and may be without end
        finally:
            answer.close()
    except HTTPError as error:
        return False, True, f"It could not be reached ({type(error).__name__})."
    if 200 <= status < 300:
        return True, True, ""
    return False, status != _GONE, f"It answered {status}."


def _event(here: Here, one: _Due) -> dict[str, object]:
    """What is told: ids, with which the API tells the rest."""
    event = one.kind.partition(":")[2]
    told: dict[str, object] = {"event": event, "delivery": one.id, "at": one.made_at,
                               "study": one.study}  # fmt: skip
    if event == "reading":
        with here.store.reading() as session:
            reading = session.get(Reading, one.key)
            instance = session.get(Instance, reading.instance_id if reading else one.key)
        told["reading"] = reading.id if reading else None
        told["instance"] = instance.id if instance else None
        told["state"] = instance.state if instance else "deleted"
    return told


def _keep(here: Here, one: _Due, told: bool, again: bool, why: str) -> None:
    now = time.time()
    with here.store.writing() as session:
        row = session.get(Delivery, one.id)
        if row is None or row.lease != here.name or row.attempts != one.attempts:
            return  # deleted, made due again, or taken over
        row.lease, row.lease_until, row.why = "", 0.0, why
        if told:
            row.state, row.sent_at = "sent", now
        elif again and one.attempts < TRIES:
            row.state, row.not_before = "due", now + backoff_s(one.attempts)
        else:
            row.state = "dead"
            log.error("webhook %s: delivery %s is given up: %s", one.place, one.id, why)


@cache
def _connections() -> urllib3.PoolManager:
    return urllib3.PoolManager(num_pools=_AT_ONCE, maxsize=_AT_ONCE)
