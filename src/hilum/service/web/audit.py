"""The audit log: who saw or did what, and to which study."""

from __future__ import annotations

import time

from sqlalchemy.orm import Session

from hilum.service.store.tables import Seen
from hilum.service.web.people import Person


def record(
    session: Session,
    person: Person | None,
    action: str,
    study_id: str = "",
    *,
    outcome: str = "done",
) -> None:
    """Add a line to the audit log, in the transaction of what it tells of.

    Args:
        session: of :meth:`hilum.service.store.Store.writing`.
        person: who; None where nobody is known, without a name where only the address is.
        action: what, a few words of code: ``"view study"``, ``"picture"``, ``"download sr"``,
            ``"verdict"``, ``"delete study"``; never a patient's name or number.
        study_id: id of the study's row; empty where it is about none.
        outcome: "done", "denied" or "failed".
    """
    session.add(
        Seen(
            at=time.time(), by=person.name[:100] if person else "",
            role=person.role if person and person.name else "",
            address=person.address[:64] if person else "",
            action=action[:40], study_id=study_id, outcome=outcome,
        )
    )  # fmt: skip
