"""The tables of the server's database.

Times are seconds since 1970, UTC. Names of rows are random and say nothing of a patient, so they
may stand in addresses and logs; the studies' own UIDs may not.

A change here needs a step of its own in ``migrations/versions`` (``NNNN_what.py``, whose
``revision`` is its number): tests compare the two, and bring an earlier database forward with what
it holds.
"""

from __future__ import annotations

import secrets
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def new_id() -> str:
    """A name for a row: 128 random bits."""
    return secrets.token_hex(16)


class Base(DeclarativeBase):
    """All tables."""


class Study(Base):
    """Radiographs under one Study Instance UID.

    Attributes:
        patient: key by which visits of one patient are found: issuer and Patient ID as they came;
            empty where there is none.
        taken: YYYYMMDDHHMMSS, as far as the header tells.
        urgency: the most urgent reading's (:mod:`hilum.service.urgency`); 0 before there is one.
        complete_at: when nothing had come for the quiet time; None while it may still grow.
        reviewed_at: when a reader had last looked at all of it; None again when more is said of it.
    """

    __tablename__ = "studies"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    uid: Mapped[str] = mapped_column(String(64), unique=True)
    patient: Mapped[str] = mapped_column(String(200), default="", index=True)
    patient_id: Mapped[str] = mapped_column(String(80), default="")
    patient_name: Mapped[str] = mapped_column(String(400), default="")
    birth_date: Mapped[str] = mapped_column(String(8), default="")
    sex: Mapped[str] = mapped_column(String(4), default="")
    accession: Mapped[str] = mapped_column(String(64), default="")
    description: Mapped[str] = mapped_column(String(200), default="")
    taken: Mapped[str] = mapped_column(String(14), default="")
    urgency: Mapped[float] = mapped_column(Float, default=0.0)
    arrived_at: Mapped[float] = mapped_column(Float)
    last_at: Mapped[float] = mapped_column(Float, index=True)
    complete_at: Mapped[float | None] = mapped_column(Float, default=None)
    reviewed_at: Mapped[float | None] = mapped_column(Float, default=None)
    reviewed_by: Mapped[str] = mapped_column(String(100), default="")
    instances: Mapped[list[Instance]] = relationship(
        back_populates="study", cascade="all, delete-orphan", passive_deletes=True
    )
    __table_args__ = (Index("ix_studies_worklist", "urgency", "last_at"),)


STATES = ("waiting", "reading", "read", "refused", "failed")
"""Of a radiograph: waiting for a reader; being read; read; refused by intake or gate; laid aside
because it ended its reader, or Hilum failed on it, as often as it may."""


class Instance(Base):
    """One radiograph, as it came.

    Attributes:
        uid: SOP Instance UID; for PNG, JPEG and TIFF one made of the file's digest.
        digest: SHA-256 of the file, which names it in the folder.
        origin: the door and who came through it: ``"dimse:AETITLE"``, ``"http:user"``.
        state: one of :data:`STATES`.
        not_before: when a reader may take it next.
        lease: which reader process has it; empty for none.
        lease_until: when another may take it from that one.
        why: code and message where refused or failed; without patient data.
    """

    __tablename__ = "instances"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)
    uid: Mapped[str] = mapped_column(String(64), unique=True)
    series_uid: Mapped[str] = mapped_column(String(64), default="")
    sop_class: Mapped[str] = mapped_column(String(64), default="")
    syntax: Mapped[str] = mapped_column(String(64), default="")
    format: Mapped[str] = mapped_column(String(8))
    digest: Mapped[str] = mapped_column(String(64), index=True)
    pixels: Mapped[str] = mapped_column(String(64), default="")
    size: Mapped[int] = mapped_column(Integer)
    origin: Mapped[str] = mapped_column(String(120))
    arrived_at: Mapped[float] = mapped_column(Float)
    state: Mapped[str] = mapped_column(String(8), default="waiting")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[float] = mapped_column(Float, default=0.0)
    lease: Mapped[str] = mapped_column(String(64), default="")
    lease_until: Mapped[float] = mapped_column(Float, default=0.0)
    why_code: Mapped[str] = mapped_column(String(40), default="")
    why: Mapped[str] = mapped_column(Text, default="")
    study: Mapped[Study] = relationship(back_populates="instances")
    readings: Mapped[list[Reading]] = relationship(
        back_populates="instance", cascade="all, delete-orphan", passive_deletes=True
    )
    __table_args__ = (Index("ix_instances_queue", "state", "not_before", "arrived_at"),)


class Reading(Base):
    """What was said of one radiograph by one way of reading: a reading or a refusal.

    Attributes:
        reader: digest of bundle or cascade and all options that change what is said; a radiograph
            is read once by each.
        kind: "reading" or "refusal".
        record: as :func:`hilum.report.record.reading_record` or ``refusal_record`` gives it, with
            ``heatmaps``, ``preview`` and ``overlay`` empty: pictures are found by the row's id.
        age_years, taken, view: facts of the picture that comparisons need.
    """

    __tablename__ = "readings"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    instance_id: Mapped[str] = mapped_column(ForeignKey("instances.id", ondelete="CASCADE"))
    reader: Mapped[str] = mapped_column(String(64))
    bundle: Mapped[str] = mapped_column(String(100))
    bundle_digest: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(8))
    record: Mapped[dict[str, Any]] = mapped_column(JSON)
    urgency: Mapped[float] = mapped_column(Float, default=0.0)
    made_at: Mapped[float] = mapped_column(Float, index=True)
    seconds: Mapped[float] = mapped_column(Float, default=0.0)
    instance: Mapped[Instance] = relationship(back_populates="readings")
    __table_args__ = (UniqueConstraint("instance_id", "reader", name="uq_readings_once"),)


class Verdict(Base):
    """What a person said of a reading; never changed, the latest counts.

    Attributes:
        finding: key; empty for the reading as a whole.
        said: "accepted" or "rejected" of the whole; "present", "absent" or "uncertain" of a
            finding; "withdrawn" of either.
    """

    __tablename__ = "verdicts"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    reading_id: Mapped[str] = mapped_column(
        ForeignKey("readings.id", ondelete="CASCADE"), index=True
    )
    finding: Mapped[str] = mapped_column(String(60), default="")
    said: Mapped[str] = mapped_column(String(10))
    comment: Mapped[str] = mapped_column(Text, default="")
    by: Mapped[str] = mapped_column(String(100))
    at: Mapped[float] = mapped_column(Float)


EVENTS = ("reading", "study")
"""What webhooks are told: a radiograph was read, refused or laid aside; a study is complete."""


class Delivery(Base):
    """Something that has to reach another system, once.

    Attributes:
        place: name of a place or webhook in the settings.
        kind: a :data:`hilum.service.settings.Result`, or "webhook:reading", "webhook:study".
        state: "due", "sending", "sent", "dead" (given up after many tries; may be put back).
        key: of what it is about, so that it is made once: the id of a reading or study.
    """

    __tablename__ = "deliveries"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(String(32))
    study_id: Mapped[str] = mapped_column(ForeignKey("studies.id", ondelete="CASCADE"), index=True)
    place: Mapped[str] = mapped_column(String(31))
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(8), default="due")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[float] = mapped_column(Float, default=0.0)
    lease: Mapped[str] = mapped_column(String(64), default="")
    lease_until: Mapped[float] = mapped_column(Float, default=0.0)
    why: Mapped[str] = mapped_column(Text, default="")
    made_at: Mapped[float] = mapped_column(Float)
    sent_at: Mapped[float | None] = mapped_column(Float, default=None)
    __table_args__ = (
        UniqueConstraint("key", "place", "kind", name="uq_deliveries_once"),
        Index("ix_deliveries_queue", "state", "not_before"),
    )


class TurnedAway(Base):
    """A file that was not accepted, and why; the file is not kept.

    Attributes:
        name: number of the file in its upload, or its path in an archive made harmless; empty for
            DIMSE. Never a name that the sender chose for a file of its own.
    """

    __tablename__ = "turned_away"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[float] = mapped_column(Float, index=True)
    origin: Mapped[str] = mapped_column(String(120))
    name: Mapped[str] = mapped_column(String(200), default="")
    code: Mapped[str] = mapped_column(String(40))
    why: Mapped[str] = mapped_column(Text)


class Job(Base):
    """Work that someone asked for and wants to follow: an upload, a pull.

    Attributes:
        kind: "upload" or "pull".
        by: who asked.
        state: "running", "done", "failed".
        ask: what was asked, for a pull: place and query.
    """

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    kind: Mapped[str] = mapped_column(String(8))
    by: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(8), default="running")
    ask: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    why: Mapped[str] = mapped_column(Text, default="")
    made_at: Mapped[float] = mapped_column(Float, index=True)
    done_at: Mapped[float | None] = mapped_column(Float, default=None)
    parts: Mapped[list[JobPart]] = relationship(cascade="all, delete-orphan", passive_deletes=True)


class JobPart(Base):
    """One file of a job: accepted as an instance, or turned away."""

    __tablename__ = "job_parts"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    instance_id: Mapped[str | None] = mapped_column(
        ForeignKey("instances.id", ondelete="SET NULL"), default=None, index=True
    )
    code: Mapped[str] = mapped_column(String(40), default="")
    why: Mapped[str] = mapped_column(Text, default="")


class Token(Base):
    """What a person or program shows to be let in; only its digest is kept.

    Attributes:
        digest: SHA-256 of the token.
        role: a :data:`hilum.service.settings.Role`.
    """

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(8))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    made_at: Mapped[float] = mapped_column(Float)
    until: Mapped[float | None] = mapped_column(Float, default=None)
    ended_at: Mapped[float | None] = mapped_column(Float, default=None)


class Session(Base):
    """A browser that is signed in; the cookie's digest."""

    __tablename__ = "sessions"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(8))
    token_id: Mapped[str | None] = mapped_column(
        ForeignKey("tokens.id", ondelete="CASCADE"), default=None
    )
    made_at: Mapped[float] = mapped_column(Float)
    until: Mapped[float] = mapped_column(Float)


class Seen(Base):
    """The audit log: who did what to which study. Added to, never changed."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[float] = mapped_column(Float, index=True)
    by: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(8), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(40))
    study_id: Mapped[str] = mapped_column(String(32), default="", index=True)
    outcome: Mapped[str] = mapped_column(String(20), default="done")


class Fact(Base):
    """What the server has to know of itself, such as which folder belongs to this database."""

    __tablename__ = "facts"
    key: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class Process(Base):
    """A process of a server and when it was last heard of."""

    __tablename__ = "processes"
    role: Mapped[str] = mapped_column(String(20), primary_key=True)
    pid: Mapped[int] = mapped_column(Integer)
    started_at: Mapped[float] = mapped_column(Float)
    heard_at: Mapped[float] = mapped_column(Float)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
