"""The one way in: every door hands its bytes to :func:`accept`.

What it returns is on the disk: the file first, then the row. A sender that is told of a success may
forget the radiograph.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import BoundedSemaphore

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from hilum.domain import Radiograph
from hilum.errors import IntakeError, NotAccepted, NotNow
from hilum.imaging import FoundFile, read
from hilum.service.files import Files
from hilum.service.headers import Identity, identity
from hilum.service.settings import Settings
from hilum.service.store import Store
from hilum.service.store.tables import Instance, Study, TurnedAway
from hilum.transforms.preprocess import LONGEST_PX

_NAMELESS = FoundFile(Path("radiograph"), "radiograph")

_DECODING = BoundedSemaphore(2)
"""Pictures that are decoded at once in this process, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A radiograph that the server has.

    Attributes:
        instance: id of its row.
        study: id of its study's row.
        again: it was there already.
    """

    instance: str
    study: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """What the sender of a picture without a header may tell.

    Attributes:
        patient_id: at most 80 characters.
        taken: YYYYMMDD or YYYYMMDDHHMMSS.
    """

    patient_id: str = ""
    taken: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    """Accepts radiographs for one process; threads may share it."""

    settings: Settings
    store: Store
    files: Files

    def accept(
        self, data: bytes, *, origin: str, name: str = "", given: Given | None = None
    ) -> Accepted:
        """Take one file: decoded to see that it is a radiograph, kept, entered.

        The same radiograph again is a success and changes nothing.

        Args:
            data: a DICOM, PNG, JPEG or TIFF file; no archive.
            origin: the door and who came through it; see :class:`Instance`.
            name: for the list of what was turned away; see :class:`TurnedAway`.
            given: what stands in no header.

        Raises:
            NotAccepted: it is none, damaged, or contradicts what is there; the reason is kept.
            NotNow: no room, too much waits, or no database.
        """
        try:
            return self._accept(data, origin, given or Given())
        except NotAccepted as error:
            self.turn_away(error, origin=origin, name=name)
            raise

    def turn_away(self, error: NotAccepted, *, origin: str, name: str = "") -> None:
        """Keep the reason why something was not accepted."""
        with self.store.writing() as session:
            session.add(
                TurnedAway(at=time.time(), origin=origin, name=name[:200], code=error.reason_code,
                           why=str(error))
            )  # fmt: skip

    def _accept(self, data: bytes, origin: str, given: Given) -> Accepted:
        self._check_room(len(data))
        digest = sha256(data).hexdigest()
        if (there := self._here_already(digest, given)) is not None:
            return there
        try:
            facts, pixels = _looked_at(data)
        except IntakeError as error:
            raise NotAccepted(error.code, str(error)) from None
        if facts.format != "dicom":
            number = str(int(digest[:32], 16))
            facts = replace(facts, uid=f"2.25.{number}", study_uid=f"2.25.{number}",
                            patient_id=given.patient_id[:80], taken=given.taken[:14])  # fmt: skip
        with self.files.using(digest):
            self.files.keep_radiograph(data)
            for _ in range(3):  # two senders may bring the same study or instance at one moment
                try:
                    return self._enter(facts, digest, pixels, len(data), origin)
                except IntegrityError:
                    continue
        raise NotNow("Others change the same study at this moment; come again.")

    def _here_already(self, digest: str, given: Given) -> Accepted | None:
        """Of a file that came before, byte for byte: no need to decode it again."""
        with self.files.using(digest), self.store.reading() as session:
            row = session.scalar(select(Instance).where(Instance.digest == digest).limit(1))
            if row is None or not self.files.is_whole(digest):
                return None
            if row.format != "dicom" and _says_otherwise(given, row.study):
                raise NotAccepted(
                    "conflict",
                    "The same picture is here already, under another Patient ID or date, or under "
                    "none; what was given first stays. Where it was wrong, have its study deleted, "
                    "and bring the picture again.",
                )
            return Accepted(row.id, row.study_id, again=True)

    def _enter(self, facts: Identity, digest: str, pixels: str, size: int, origin: str) -> Accepted:
        now = time.time()
        with self.store.writing() as session:
            there = session.scalar(select(Instance).where(Instance.uid == facts.uid))
            if there is not None:
                if there.digest != digest and there.pixels != pixels:
                    raise NotAccepted(
                        "conflict",
                        "Another picture under the same SOP Instance UID is here already, or the "
                        "same one with another polarity, orientation or spacing; the first one "
                        "stays. One of the two has a wrong UID or header.",
                    )
                if _is_of_another(there.study, facts):
                    raise NotAccepted(
                        "conflict",
                        "The same radiograph is here already under another study or patient; that "
                        "stays. Where it was wrong, have that study deleted, and send it again.",
                    )
                return Accepted(there.id, there.study_id, again=True)
            study = session.scalar(select(Study).where(Study.uid == facts.study_uid))
            if study is None:
                study = Study(
                    uid=facts.study_uid, patient=facts.patient, patient_id=facts.patient_id,
                    patient_name=facts.patient_name, birth_date=facts.birth_date, sex=facts.sex,
                    accession=facts.accession, description=facts.description, taken=facts.taken,
                    arrived_at=now, last_at=now,
                )  # fmt: skip
                session.add(study)
                session.flush()
            elif _is_of_another(study, facts):
                raise NotAccepted(
                    "conflict",
                    "The study of this radiograph is here under another Patient ID, or with "
                    "another name, birth date or sex: one of the two has a wrong header. "
                    "Nothing of it was taken.",
                )
            study.last_at, study.complete_at = now, None
            instance = Instance(
                study_id=study.id, uid=facts.uid, series_uid=facts.series_uid,
                sop_class=facts.sop_class, syntax=facts.syntax, format=facts.format, digest=digest,
                pixels=pixels, size=size, origin=origin[:120], arrived_at=now,
            )  # fmt: skip
            session.add(instance)
            session.flush()
            return Accepted(instance.id, study.id)

    def _check_room(self, size: int) -> None:
        limits = self.settings.limits
        if size > limits.upload_mb * 1e6:
            raise NotAccepted(
                "too-large", f"The file is larger than {limits.upload_mb:g} MB, the limit here."
            )
        if self.files.free_mb() < limits.free_mb + size / 1e6:
            raise NotNow("The disk of the server is nearly full; come again later.")
        with self.store.reading() as session:
            waiting = session.scalar(
                select(func.count()).select_from(Instance).where(Instance.state == "waiting")
            )
        if (waiting or 0) >= limits.waiting:
            raise NotNow(f"{waiting:,} radiographs wait to be read; come again later.")


def _looked_at(data: bytes) -> tuple[Identity, str]:
    """What a file is, and the checksum of its pixels; decoded, so that no damaged one is taken."""
    facts = identity(data)
    with _DECODING:
        radiograph = read(_NAMELESS, data=data, longest_px=LONGEST_PX)
    return facts, _seen(radiograph)


def _seen(radiograph: Radiograph) -> str:
    """Checksum of the stored values and of what the header makes of sides, sizes and polarity."""
    told = radiograph.acquisition
    inverted = "inverted" in told.grey
    facts = (inverted, told.photometric, told.patient_orientation, told.spacing_mm)
    return sha256(repr((radiograph.source.pixel_digest, facts)).encode("utf-8")).hexdigest()


def _is_of_another(study: Study, facts: Identity) -> bool:
    """Whether a file belongs to another study, or its header speaks of somebody else.

    One Patient ID outweighs one other difference, for names are spelt in many ways, and birth dates
    are put right; not two.
    """
    if (study.uid, study.patient) != (facts.study_uid, facts.patient):
        return True
    births = {study.birth_date, facts.birth_date} - {""}
    sexes = {study.sex, facts.sex} & {"M", "F"}
    names = {name.partition("=")[0].casefold() for name in (study.patient_name, facts.patient_name)}
    differing = sum(len(values) > 1 for values in (births, sexes, names - {""}))
    return differing > (1 if facts.patient else 0)


def _says_otherwise(given: Given, study: Study) -> bool:
    """Whether a sender now tells another patient or time than the one who brought it first."""
    told = ((given.patient_id[:80], study.patient_id), (given.taken[:14], study.taken))
    return any(now and now != before for now, before in told)
