"""What readers say of readings: added to, never changed; the latest counts.

Of a finding a reader says that it is present, absent or uncertain; of a reading as a whole that it
is accepted (all that the network decided and nobody corrected is right) or rejected (nothing of it
may be used). Either can be withdrawn. :func:`label_table` makes of it what ``hilum train`` and
``hilum evaluate`` read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from hilum.datasets.table import save
from hilum.domain import LabelTable, State
from hilum.domain.findings import all_findings
from hilum.domain.labels import column_of
from hilum.domain.text import text
from hilum.errors import NotAccepted
from hilum.service.files import Files
from hilum.service.store import Store
from hilum.service.store.tables import Fact, Instance, Reading, Study, Verdict

OfWhole = Literal["accepted", "rejected", "withdrawn"]
OfFinding = Literal["present", "absent", "uncertain", "withdrawn"]

WITHDRAWN = "withdrawn"
COMMENT = 2000
"""Characters of a comment at most."""

_KEY = "corrections_key"
_STATE = {"present": State.PRESENT, "absent": State.ABSENT, "uncertain": State.UNCERTAIN}
_OLDEST = 90  # older people are few: their age would name them


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of one reading now.

    Attributes:
        whole: the latest verdict of the reading as a whole; None without one.
        findings: finding → the latest verdict; those withdrawn are left out.
        history: everything that was ever said, the latest first.
    """

    whole: Verdict | None = None
    findings: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])
    history: tuple[Verdict, ...] = ()


def say(
    session: Session, reading_id: str, said: str, *, by: str, key: str = "", comment: str = ""
) -> Verdict:
    """Add what a reader says.

    Args:
        session: that writes.
        reading_id: of what.
        said: an :data:`OfWhole`, or with ``key`` an :data:`OfFinding`.
        by: who says it.
        key: of a finding; empty for the reading as a whole. It may be one that the bundle does not
            know.
        comment: in the reader's own words; kept, never exported.

    Raises:
        NotAccepted: no such reading, a refusal, an unknown finding or word, or too long a comment.
    """
    study = session.scalar(
        select(Study).join(Instance).join(Reading).where(Reading.id == reading_id).with_for_update()
    )
    reading = session.get(Reading, reading_id)
    if study is None or reading is None:
        raise NotAccepted("no-reading", "There is no such reading; it may have been deleted.")
    if reading.kind != "reading":
        raise NotAccepted("not-read", "This radiograph was not read: nothing can be said of it.")
    if key and key not in {row.key for row in all_findings()}:
        raise NotAccepted("unknown-finding", "There is no finding of that name.")
    known = get_args(OfFinding if key else OfWhole)
    if said not in known:
        raise NotAccepted("unknown-verdict", f"Say one of: {', '.join(known)}.")
    if len(comment) > COMMENT:
        raise NotAccepted("too-long", f"A comment has at most {COMMENT} characters.")
    verdict = Verdict(
        reading_id=reading_id, finding=key, said=said, comment=comment.strip(), by=by[:100],
        at=time.time(),
    )  # fmt: skip
    session.add(verdict)
    session.flush()
    if said != WITHDRAWN and _all_spoken_of(session, study.id):
        study.reviewed_at, study.reviewed_by = verdict.at, verdict.by
        session.flush()
    return verdict


def _all_spoken_of(session: Session, study: str) -> bool:
    """Whether somebody spoke of every radiograph of a study: one verdict reviews no other."""
    spoken = select(Reading.instance_id).join(Verdict, Verdict.reading_id == Reading.id)
    silent = select(Instance.id).where(Instance.study_id == study, Instance.id.not_in(spoken))
    return session.scalar(silent.limit(1)) is None


def told(session: Session, reading_ids: Sequence[str]) -> dict[str, Told]:
    """What is said now of readings.

    Args:
        session: that reads.
        reading_ids: of them.
    """
    rows = session.scalars(
        select(Verdict).where(Verdict.reading_id.in_(reading_ids)).order_by(Verdict.id)
    )
    by_reading: dict[str, list[Verdict]] = {reading: [] for reading in reading_ids}
    for row in rows:
        by_reading[row.reading_id].append(row)
    return {reading: _told(said) for reading, said in by_reading.items()}


def label_table(store: Store) -> LabelTable:
    """All that readers said, a row a radiograph; a radiograph of which nothing is said has none.

    A finding has the state that a reader gave it last. Where the reading as a whole was accepted,
    findings that nobody spoke of have the network's decision, unless it made none; otherwise they
    are UNMENTIONED. A rejected reading gives nothing of its own.

    Args:
        store: the database. The key that patients are hidden by is made when it is first needed.

    Returns:
        Images as paths in the server's folder; patients as keyed hashes, the same in every export,
        so that no split can part one; columns ``study``, ``view``, ``sex``, ``age_years``
        (those above 89 are 90), ``visit`` and ``said_by``; no date, no name.
    """
    key = _key(store)
    with store.reading() as session:
        found = session.execute(
            select(Verdict, Reading, Instance, Study)
            .join(Reading, Reading.id == Verdict.reading_id)
            .join(Instance, Instance.id == Reading.instance_id)
            .join(Study, Study.id == Instance.study_id)
            .order_by(Study.arrived_at, Study.id, Instance.arrived_at, Instance.id, Verdict.id)
        ).all()
        visits = _visits(session, {row.Study.patient for row in found if row.Study.patient})
    rows: dict[str, _Row] = {}
    for verdict, reading, instance, study in found:
        one = rows.setdefault(instance.id, _Row(instance, study))
        one.readings[reading.id] = reading
        one.said.append(verdict)
    kept = [(one, states) for one in rows.values() if (states := one.states())]
    keys = [row.key for row in all_findings() if any(row.key in said for _, said in kept)]
    matrix = np.full((len(kept), len(keys)), State.UNMENTIONED, np.uint8)
    for at, (_, states) in enumerate(kept):
        for column, name in enumerate(keys):
            matrix[at, column] = states.get(name, State.UNMENTIONED)
    files = Files(Path())
    columns: dict[str, list[Any]] = {
        "study": [one.study.id for one, _ in kept],
        "view": [one.view for one, _ in kept],
        "sex": [one.study.sex if one.study.sex in {"M", "F", "O"} else "" for one, _ in kept],
        "age_years": [one.age_years for one, _ in kept],
        "visit": [visits.get(one.study.id, -1) for one, _ in kept],
        "said_by": [one.by for one, _ in kept],
    }
    return LabelTable(
        images=text(files.radiograph(one.instance.digest).as_posix() for one, _ in kept),
        findings=tuple(keys),
        states=matrix,
        patients=text(_hidden(key, one.study) for one, _ in kept),
        columns={name: column_of(name, values) for name, values in columns.items()},
    )


def corrections_csv(store: Store) -> bytes:
    """:func:`label_table` as ``hilum train`` and ``hilum evaluate`` read it, UTF-8."""
    with tempfile.TemporaryDirectory(prefix="hilum-") as folder:
        path = Path(folder) / "corrections.csv"
        save(label_table(store), path)
        return path.read_bytes()


@dataclass(frozen=True, slots=True)
class _Row:
    """A radiograph and all that was said of its readings, in the order of saying."""

    instance: Instance
    study: Study
    readings: dict[str, Reading] = field(default_factory=dict[str, Reading])
    said: list[Verdict] = field(default_factory=list[Verdict])

    def states(self) -> dict[str, State]:
        """Finding → state, of those that anything is said of."""
        by_reading = {
            reading: _told([v for v in self.said if v.reading_id == reading])
            for reading in self.readings
        }
        accepted = [
            (said.whole.id, reading)
            for reading, said in by_reading.items()
            if said.whole is not None and said.whole.said == "accepted"
        ]
        states: dict[str, State] = {}
        for _, reading in sorted(accepted):  # of two that were accepted the later counts
            for prediction in self.readings[reading].record["predictions"]:
                if (state := _STATE.get(prediction["decision"])) is not None:
                    states[prediction["finding"]] = state
        spoken = _told(self.said).findings
        return states | {key: _STATE[verdict.said] for key, verdict in spoken.items()}

    @property
    def view(self) -> str:
        last = next(reversed(self.readings.values()))
        view = last.record["acquisition"]["view"]
        return view if view in {"PA", "AP", "lateral", "other"} else ""

    @property
    def age_years(self) -> float:
        born, taken = self.study.birth_date, self.study.taken
        if len(born) < 8 or len(taken) < 8:
            return float("nan")
        years = int(taken[:4]) - int(born[:4]) - (taken[4:8] < born[4:8])
        return float(min(years, _OLDEST)) if years >= 0 else float("nan")

    @property
    def by(self) -> str:
        return " ".join(self.said[-1].by.split())


def _told(said: Sequence[Verdict]) -> Told:
    latest = {verdict.finding: verdict for verdict in said}
    left = {key: verdict for key, verdict in latest.items() if verdict.said != WITHDRAWN}
    return Told(left.pop("", None), left, tuple(reversed(said)))


def _visits(session: Session, patients: set[str]) -> dict[str, int]:
    """Study → number of the visit among those of its patient that have a date."""
    numbers: dict[str, int] = {}
    for patient in patients:
        dated = select(Study.id).where(Study.patient == patient, Study.taken != "")
        in_order = session.scalars(dated.order_by(Study.taken, Study.id))
        numbers.update((study, number) for number, study in enumerate(in_order))
    return numbers


def _hidden(key: bytes, study: Study) -> str:
    """A patient as a keyed hash; a study without Patient ID is a patient of its own."""
    who = f"patient\0{study.patient}" if study.patient else f"study\0{study.id}"
    return hmac.new(key, who.encode("utf-8", "replace"), hashlib.sha256).hexdigest()[:32]


def _key(store: Store) -> bytes:
    with store.reading() as session:
        there = session.get(Fact, _KEY)
    if there is None:
        with store.writing() as session:
            there = session.get(Fact, _KEY)  # another process may have made it meanwhile
            if there is None:
                there = Fact(key=_KEY, value=secrets.token_hex(32))
                session.add(there)
    return bytes.fromhex(there.value)
