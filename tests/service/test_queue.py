"""What waits is taken by one reader at a time, and what ends its reader harms nothing else."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from hilum.service.files import Files
from hilum.service.queue import LEASE_S, SUSPECT, give_back, take
from hilum.service.results import lay_aside, put_back
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.migrating import migrate
from hilum.service.store.tables import Instance
from tests.service.postgres import BOTH
from tests.service.rows import add_study

TRIES = 3


def rows(store):
    with store.reading() as session:
        return session.scalars(select(Instance).order_by(Instance.arrived_at)).all()


@BOTH
def test_the_oldest_first_and_each_once(here):
    for number in (3, 1, 2):
        add_study(here.store, number)
    order = [row.id for row in rows(here.store)]
    taken = take(here.store, "read-1", 2)
    assert [one.instance for one in taken] == order[:2]
    assert [one.attempts for one in taken] == [1, 1]
    assert [one.instance for one in take(here.store, "read-2", 2)] == order[2:]
    assert take(here.store, "read-1") == []


@BOTH
def test_what_must_wait_waits(here):
    add_study(here.store, 1)
    (one,) = take(here.store, "read-1")
    put_back(here.store, one.instance, wait_s=60, counts=True)
    assert take(here.store, "read-1") == []


@BOTH
def test_suspects_are_read_one_by_one_with_nothing_beside_them(here):
    for number in range(4):
        add_study(here.store, number)
    old = [row.id for row in rows(here.store)]
    assert len(take(here.store, "read-1", 3)) == 3  # and then it dies
    give_back(here.store, "read-1")
    assert [row.lease for row in rows(here.store)] == [SUSPECT] * 3 + [""]
    assert [row.attempts for row in rows(here.store)] == [0] * 4  # nobody is guilty yet
    for instance in old[:3]:
        (one,) = take(here.store, "read-2", 3)
        assert one.instance == instance
        assert take(here.store, "read-2", 3) == []
        lay_aside(here.store, here.settings, instance, "read, say")
    assert [one.instance for one in take(here.store, "read-2", 3)] == old[3:]


@BOTH
def test_what_is_being_read_is_finished_before_a_suspect(here):
    add_study(here.store, 1)
    add_study(here.store, 2)
    (_, two) = take(here.store, "read-1", 1) + take(here.store, "read-2", 1)
    give_back(here.store, "read-1")
    assert take(here.store, "read-2") == []
    lay_aside(here.store, here.settings, two.instance, "done")
    assert len(take(here.store, "read-2")) == 1


@BOTH
def test_one_that_ends_its_reader_is_counted_alone(here):
    for number in range(3):
        add_study(here.store, number)
    poison = rows(here.store)[1].id
    deaths, read = 0, []
    for _ in range(40):
        taken = take(here.store, "read-1", 2)
        if not taken:
            break
        if any(one.instance == poison and one.attempts <= TRIES for one in taken):
            deaths += 1
            give_back(here.store)
            continue
        for one in taken:
            assert one.instance == poison or one.attempts == 1
            lay_aside(here.store, here.settings, one.instance, "done")
            read.append(one.instance)
    assert deaths == TRIES + 1
    assert len(read) == 3


@BOTH
def test_a_lease_that_is_over_is_taken_by_another(here, monkeypatch):
    add_study(here.store, 1)
    (one,) = take(here.store, "read-1")
    later = time.time() + LEASE_S + 1
    monkeypatch.setattr("hilum.service.queue.time.time", lambda: later)
    (again,) = take(here.store, "read-2")
    assert (again.instance, again.attempts) == (one.instance, 1)


def test_taking_among_ten_thousand_is_quick(here):
    add_study(here.store, 1, instances=10_000)
    begun = time.perf_counter()
    assert len(take(here.store, "read-1")) == 1
    assert time.perf_counter() - begun < 5


class Queue(RuleBasedStateMachine):
    """Readers come, take, finish, fail and die; nothing is lost, and nothing is read twice at once.

    Some radiographs end whoever reads them; the others must not be laid aside with them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        settings = Settings(folder=Path(self._folder.name) / "server")
        Files(settings.folder).prepare()
        migrate(settings)
        self.settings, self.store = settings, Store(settings)
        self.held: dict[str, dict[str, int]] = {}
        self.poison: set[str] = set()
        self.done: set[str] = set()
        self.aside: set[str] = set()
        self.count = 0

    def teardown(self) -> None:
        self.store.close()
        self._folder.cleanup()

    @initialize(poison=st.sets(st.integers(0, 5), max_size=2))
    def begin(self, poison: set[int]) -> None:
        for number in range(6):
            add_study(self.store, number)
        self.count = 6
        self.poison = {row.id for number, row in enumerate(rows(self.store)) if number in poison}

    @rule()
    def arrive(self) -> None:
        add_study(self.store, self.count)
        self.count += 1

    @rule(most=st.integers(1, 3))
    def take(self, most: int) -> None:
        for one in take(self.store, "read-1", most):
            assert all(one.instance not in held for held in self.held.values())
            assert one.instance not in self.done | self.aside
            if one.attempts > TRIES:
                assert one.instance in self.poison
                lay_aside(self.store, self.settings, one.instance, "ended its reader")
                self.aside.add(one.instance)
            else:
                self.held.setdefault("read-1", {})[one.instance] = one.attempts

    @rule()
    def finish(self) -> None:
        held = self.held.get("read-1", {})
        if any(instance in self.poison for instance in held):
            self.die()
        elif held:
            instance = next(iter(held))
            del held[instance]
            lay_aside(self.store, self.settings, instance, "read, say")
            self.done.add(instance)

    @rule()
    def busy_disk(self) -> None:
        held = self.held.get("read-1", {})
        if held:
            instance = next(iter(held))
            del held[instance]
            put_back(self.store, instance, wait_s=0, counts=False)

    def die(self) -> None:
        self.held.pop("read-1", None)
        give_back(self.store)

    @invariant()
    def every_radiograph_is_somewhere(self) -> None:
        found = rows(self.store)
        assert len(found) == self.count
        held = set(self.held.get("read-1", {}))
        for row in found:
            expected = (
                "failed" if row.id in self.done | self.aside
                else "reading" if row.id in held
                else "waiting"
            )  # fmt: skip
            assert row.state == expected

    @rule()
    def drain(self) -> None:
        """A reader that goes on long enough gets through all of it."""
        for _ in range(200):
            self.take(2)
            if not self.held.get("read-1") and all(
                row.state == "failed" for row in rows(self.store)
            ):
                break
            self.finish()
        assert self.done | self.aside == {row.id for row in rows(self.store)}
        assert self.aside == self.poison & self.aside
        assert not self.poison & self.done


Queue.TestCase.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
TestQueue = Queue.TestCase
