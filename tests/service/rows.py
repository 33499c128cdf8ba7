"""Rows of the server's tables, for tests that need no pictures."""

from __future__ import annotations

import time

from hilum.service.store import Store
from hilum.service.store.tables import Delivery, Instance, Reading, Study, Verdict


def add_study(store: Store, number: int, *, instances: int = 1, **facts: object) -> str:
    """A study with radiographs that wait; returns its id."""
    now = time.time()
    known = {"uid": f"1.2.{number}", "patient_id": f"P{number}", "patient": f"\\P{number}"}
    with store.writing() as session:
        study = Study(**{"arrived_at": now, "last_at": now, **known, **facts})
        session.add(study)
        session.flush()
        for i in range(instances):
            session.add(
                Instance(
                    study_id=study.id, uid=f"1.2.{number}.{i}", digest=f"{number:032x}{i:032x}",
                    format="dicom", size=1, origin="test:rows", arrived_at=now + number + i / 100,
                )
            )  # fmt: skip
        return study.id


def add_reading(store: Store, instance: str, *, reader: str = "r" * 64) -> str:
    """What was said of a radiograph, with a verdict and something to send; returns its id."""
    with store.writing() as session:
        row = session.get_one(Instance, instance)
        reading = Reading(
            instance_id=instance, reader=reader, bundle="tiny 1.2.3", bundle_digest="b" * 64,
            kind="reading", record={"name": "DOE^JANE"}, made_at=time.time(),
        )  # fmt: skip
        session.add(reading)
        session.flush()
        row.state = "read"
        session.add(Verdict(reading_id=reading.id, said="accepted", by="dr", at=time.time()))
        session.add(
            Delivery(
                key=reading.id, study_id=row.study_id, place="pacs", kind="sr", made_at=time.time(),
                state="sent",
            )
        )  # fmt: skip
        return reading.id
