"""Results that other DICOM systems have to get: at least once, the same object each time.

One thread looks what is due; a thread for each place sends, so that one that is away holds up
nobody else.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from importlib import import_module
from threading import Event, Thread

from hilum.errors import HilumError, NotNow, ServiceError
from hilum.service import objects
from hilum.service.dicom.calling import Unreachable
from hilum.service.log import failed, log
from hilum.service.process import Here
from hilum.service.sending import deliveries
from hilum.service.sending.deliveries import REFUSALS, Taken
from hilum.service.sending.links import Link, link
from hilum.service.settings import Place

LOOK_S = 0.05
"""A reading is kept by another process: so long until it is seen here."""

AT_ONCE = 16
"""Deliveries taken at a time."""

BREATH_S = 1.0
"""After a place or the database was away."""


@dataclass(frozen=True, slots=True)
class _Post:
    """What the thread of one place is told.

    Attributes:
        wake: something is due.
        end: set once nobody looks any more.
    """

    wake: Event = field(default_factory=Event)
    end: Event = field(default_factory=Event)


def step(here: Here) -> float:
    """Send results until told to stop; see :data:`hilum.service.sending.process.WORK`."""
    places = [place for place in here.settings.places if place.send]
    deliveries.begin(here)
    if not places:
        return 3600.0
    import_module("highdicom")  # takes a second: now, not with the first result
    logging.getLogger("highdicom").setLevel(logging.CRITICAL)
    posts = {place.name: _Post() for place in places}
    threads = [
        Thread(target=_serve, args=(here, place, posts[place.name]), daemon=True,
               name=f"results {place.name}")
        for place in places
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    try:
        _look(here, posts)
    finally:
        for post in posts.values():
            post.end.set()
            post.wake.set()
        for thread in threads:
            thread.join()
    return 0.0


def _look(here: Here, posts: dict[str, _Post]) -> None:
    wait = LOOK_S
    while not here.stop.wait(wait):
        try:
            due = deliveries.due_places(here)
        except NotNow:
            wait = BREATH_S
            continue
        wait = LOOK_S
        for name in due:
            if name in posts:
                posts[name].wake.set()


def _serve(here: Here, place: Place, post: _Post) -> None:
    """Send what is due for a place whenever something is, until the end."""
    way: Link | None = None
    while not post.end.is_set():
        if not post.wake.wait(1.0):
            if way is not None:
                way.rest()
            continue
        post.wake.clear()
        try:
            way = way or link(here, place)
            while not post.end.is_set() and _round(here, place, way):
                pass
        except Exception as error:
            failed(f"results for {place.name}", error)
            post.end.wait(BREATH_S)
    if way is not None:
        way.close()


def _round(here: Here, place: Place, way: Link) -> bool:
    """Take some of what is due for a place and send it; whether there was any."""
    try:
        taken = deliveries.take(here, place.name, AT_ONCE)
        for number, delivery in enumerate(taken):
            if here.stop.is_set():
                deliveries.hand_back(here, taken[number:])
                return False
            if not _bring(here, place, way, delivery):
                deliveries.hand_back(here, taken[number + 1 :])
                here.stop.wait(BREATH_S)
                return False
    except NotNow:  # leases end by themselves
        here.stop.wait(BREATH_S)
        return False
    return bool(taken)


def _bring(here: Here, place: Place, way: Link, delivery: Taken) -> bool:
    """Send one; whether the place was there."""
    begun = time.monotonic()
    try:
        paths = objects.sent(here, delivery.reading, delivery.kind)
        for path in paths:
            way.send(path)
    except NotNow:
        raise
    except Unreachable as error:
        deliveries.not_sent(here, delivery, str(error))
        _count(here, "results_tried")
        log.warning("%s", error)
        return False
    except (ServiceError, HilumError) as error:  # refused there, or cannot be made
        deliveries.not_sent(here, delivery, str(error), tries=REFUSALS)
        _count(here, "results_refused")
        log.warning("a %s for %s was not sent: %s", delivery.kind, place.name, error.code)
        return True
    except Exception as error:
        failed(f"a {delivery.kind} for {place.name}", error)
        why = f"Hilum failed on it ({type(error).__name__}); the log says where."
        deliveries.not_sent(here, delivery, why, tries=REFUSALS)
        way.close()
        return True
    deliveries.sent(here, delivery, "" if paths else "There was nothing of this kind to send.")
    _count(here, "results_sent")
    here.facts["results_seconds"] = time.monotonic() - begun
    return True


def _count(here: Here, what: str) -> None:
    here.facts[what] = here.facts.get(what, 0.0) + 1
