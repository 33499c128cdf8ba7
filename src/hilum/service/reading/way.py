"""The way of reading that the settings ask for: a bundle or a cascade, with its options."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from hilum.bundles import load
from hilum.bundles.cascades import load as load_cascade
from hilum.domain import Radiograph, Refusal
from hilum.domain import Reading as Read
from hilum.imaging import FoundFile
from hilum.reading import CascadeReader, CascadeReading, CascadeRefusal, Reader
from hilum.reading.boxes.finding import boxed
from hilum.reading.lungs import LungFields
from hilum.report.cascade import with_stages
from hilum.report.record import reading_record, refusal_record
from hilum.service import evidence
from hilum.service.reading.lungs_once import LungsOnce
from hilum.service.settings import Reading


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one radiograph.

    Attributes:
        kind: "reading" or "refusal".
        record: as :class:`hilum.service.store.tables.Reading` holds it.
        files: of its folder: name → bytes.
        maps: whether there are lungs or heatmaps.
        seconds: that it took.
    """

    kind: Literal["reading", "refusal"]
    record: dict[str, Any]
    files: Mapping[str, bytes]
    maps: bool
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """Reads radiographs for the server. Threads may share it.

    Attributes:
        digest: of the bundle or cascade and all options that change what is said.
        bundle: "name version".
        bundle_digest: of its card.
    """

    digest: str
    bundle: str
    bundle_digest: str
    _reader: Reader | CascadeReader
    _lungs: LungsOnce

    @classmethod
    def of(cls, settings: Reading) -> Way:
        """The way that settings ask for.

        Raises:
            BundleError: the bundle cannot be loaded, or reads nothing.
            CascadeError: the same of a cascade.
            UnknownName: no such runtime, or a prevalence for a finding that is not read.
            RunError: a prevalence that is out of range.
            MissingExtra: the runtime is not installed.
        """
        shares, runtime = settings.prevalence, settings.runtime
        if settings.cascade:
            chain = CascadeReader.of(
                settings.cascade, prevalence=shares, runtime=runtime, keep_radiograph=True,
                boxes=settings.boxes and _draws_boxes(settings.cascade),
            )  # fmt: skip
            own = next((one.lungs for one in chain.readers if one.lungs is not None), None)
            lungs = LungsOnce.around(own)
            reader = replace(
                chain, readers=tuple(replace(one, lungs=lungs) for one in chain.readers)
            )
            bundle, digest = str(chain.chain), chain.chain.digest
            boxes = any(one.boxes for one in chain.readers)
        else:
            loaded = load(settings.bundle)
            boxes = settings.boxes and bool(boxed(loaded.card))
            alone = Reader.of(
                loaded, prevalence=shares, runtime=runtime, keep_radiograph=True, boxes=boxes
            )
            lungs = LungsOnce.around(alone.lungs)
            reader = replace(alone, lungs=lungs)
            bundle, digest = str(loaded), loaded.digest
        options = {"boxes": boxes, "prevalence": dict(sorted(shares.items())), "runtime": runtime}
        text = json.dumps([digest, options], sort_keys=True)
        return cls(hashlib.sha256(text.encode("utf-8")).hexdigest(), bundle, digest, reader, lungs)

    def reading_id(self, instance: str) -> str:
        """Name of the row and folder of what this way says of a radiograph: always the same one.

        A reader that dies and another that begins anew fill the same folder.
        """
        return hashlib.sha256(f"{instance}:{self.digest}".encode("ascii")).hexdigest()[:32]

    def read(self, data: bytes, name: str) -> Outcome:
        """Read one radiograph.

        Args:
            data: its file.
            name: what it is called in the record: the id of its row.
        """
        begun = time.perf_counter()
        try:
            item = self._reader.read(FoundFile(Path(name), name), data=data, name=name)
            if isinstance(item, Refusal):
                return _refused(item, begun)
            return self._read(item, begun)
        finally:
            self._lungs.forget()

    def _read(self, item: Read | CascadeReading, begun: float) -> Outcome:
        reading = item.reading if isinstance(item, CascadeReading) else item
        radiograph = reading.radiograph
        assert radiograph is not None, "readers here keep the picture"
        record = reading_record(reading, preview="", heatmaps={})
        if isinstance(item, CascadeReading):
            record = with_stages(record, item)
        lungs = self._lungs(radiograph, reading.gate)
        found = evidence.evidence_of(
            reading, radiograph, lungs if isinstance(lungs, LungFields) else None
        )
        files = evidence.files(found, reading, radiograph)
        maps = bool(found.heatmaps) or found.lungs is not None
        return Outcome("reading", record, files, maps, time.perf_counter() - begun)


def _refused(refusal: Refusal, begun: float) -> Outcome:
    record = refusal_record(refusal, preview=None)
    if isinstance(refusal, CascadeRefusal):
        record = with_stages(record, refusal)
    shown: Radiograph | None = refusal.radiograph
    files = {} if shown is None else evidence.pictures(shown)
    return Outcome("refusal", record, files, maps=False, seconds=time.perf_counter() - begun)


def _draws_boxes(cascade: str) -> bool:
    """Whether a bundle of a cascade does."""
    found = load_cascade(cascade)
    return any(boxed(load(stage.bundle).card) for stage in found.stages)
