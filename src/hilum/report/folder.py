"""The folder that a reading run fills."""

from __future__ import annotations

import json
import os
import shutil
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self, TextIO

import hilum
from hilum.bundles.card import Card
from hilum.domain import Reading, Refusal
from hilum.errors import RunError
from hilum.imaging import FoundFile
from hilum.lock import hold
from hilum.reading import CascadeReader, CascadeReading, CascadeRefusal
from hilum.report import boxes, pictures, tables
from hilum.report.agreement import agrees
from hilum.report.cascade import cascade_facts, stage_tables, with_stages
from hilum.report.duplicates import identity, settled
from hilum.report.journal import Journal
from hilum.report.names import file_stem
from hilum.report.origin import origin
from hilum.report.record import SCHEMA_ID, Drawn, reading_record, refusal_record
from hilum.report.rows import left_out

_OWN = ".hilum"


class BundleLike(Protocol):
    """What the report needs of a bundle."""

    @property
    def card(self) -> Card:
        """Its card."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the card."""
        ...


@dataclass(frozen=True, slots=True)
class Boxed:
    """Boxes of a run, counted.

    Attributes:
        kinds: finding → boxes.
        images: on which there is one.
        looked: images on which boxes were looked for.
        outside: boxes that lie mostly outside the lungs.
    """

    kinds: Counter[str]
    images: int
    looked: int
    outside: int


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of the files that one run finished.

    Attributes:
        files: finished.
        read: of these.
        flagged: read, with a warning.
    """

    files: int
    read: int
    flagged: int


class OutputFolder:
    """Writes pictures while a run goes on, and tables and the page when it ends.

    Every file appears whole or not at all. What is finished stands in a journal on disk, so the
    memory held does not grow with pictures, and a run that was stopped can go on. No other run may
    write into the folder until this one is closed: by ``with``, :meth:`close`, or the end of the
    process.

    Example:
        >>> with OutputFolder.open(out, bundle=bundle) as folder:     # doctest: +SKIP
        ...     folder.add(folder.draw(reading))
        ...     page = folder.finish()
    """

    def __init__(self, out: Path, cards: list[Card], facts: dict[str, Any], held: int) -> None:
        self.path = out
        self._cards = cards
        self._facts = facts
        self._own = out / _OWN
        self._release = weakref.finalize(self, os.close, held)
        self._journal = Journal(self._own / "journal.jsonl", self._has_pictures)
        self.done: frozenset[str] = frozenset(self._journal.names())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other runs write into the folder."""
        self._release()

    @classmethod
    def open(  # noqa: PLR0913  (each is a choice of its own)
        cls,
        out: Path,
        *,
        bundle: BundleLike | CascadeReader,
        prevalence: str = "training",
        intake: str = "",
        boxes: bool = False,
        resume: bool = False,
        title: str | None = None,
        banner: str | None = None,
    ) -> OutputFolder:
        """Begin a run in an empty or new folder, or go on with an earlier one.

        Args:
            out: the folder.
            bundle: what reads, or the reader of a cascade; a run goes on only with the one that it
                began with.
            prevalence: ``Reading.prevalence`` of this run; may not change either.
            intake: how files are read in this run, such as "--mend"; may not change either.
            boxes: whether readings of this run hold boxes; may not change either.
            resume: go on where an earlier run stopped.
            title: heading of the page; "Chest radiograph readings" when None.
            banner: a line that the page shows before everything else, such as "These pictures
                are drawn by a program".

        Raises:
            RunError: the folder holds other files, earlier results without ``resume``, or results
                of another bundle, prevalence or intake, or with boxes where these have none;
                another run writes into it; or it cannot be written.
        """
        cards, what = _what_reads(bundle)
        facts = {
            "schema": SCHEMA_ID,
            **what,
            "hilum": hilum.__version__,
            "prevalence": prevalence,
            "intake": intake,
            "boxes": boxes,
            "title": title,
            "banner": banner,
            "started": _now(),
        }
        run = out / _OWN / "run.json"
        try:
            _is_free_or_ours(out, run)
            run.parent.mkdir(parents=True, exist_ok=True)
            held = hold(run.parent / "lock", out)
            try:
                _begin(out, run, facts, resume)
            except BaseException:
                os.close(held)
                raise
            return cls(out, cards, facts, held)
        except OSError as error:
            raise RunError(
                f"The output folder {out} cannot be written: {error.strerror}; choose another "
                f"with -o."
            ) from error

    def left(self, files: Iterable[FoundFile]) -> list[FoundFile]:
        """Those of some files that this and earlier runs have not finished.

        A file is known by its place and by its size and time of change, not by its name alone:
        the same name in another folder is another file.

        Raises:
            RunError: a file was changed since it was finished, or has the name of another one
                that was.
        """
        places = {o.partition(":")[0]: o for o in self._journal.origins.values() if o}
        left: list[FoundFile] = []
        others: list[str] = []
        for file in files:
            known = self._journal.origins.get(file.name) if file.name in self.done else None
            now = origin(file) if places else ""
            if now and now == places.get(now.partition(":")[0]):
                continue  # under whatever name
            if known or now.partition(":")[0] in places:
                others.append(file.name)
            elif file.name not in self.done:
                left.append(file)
        if others:
            shown = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
            raise RunError(
                f"{len(others)} files have names that are finished in {self.path}, but lie "
                f"elsewhere or were changed since ({shown}); read them into another folder with -o."
            )
        return left

    def entered(self) -> Entered:
        """What stands in the folder of this run alone, whatever cut it short."""
        own = (e for e in self._journal.entries("reading") if e["record"]["image"] not in self.done)
        flagged = [any(note["warning"] for note in entry["record"]["notes"]) for entry in own]
        files = sum(name not in self.done for name in self._journal.names())
        return Entered(files, read=len(flagged), flagged=sum(flagged))

    def refused(self) -> Counter[str]:
        """How many images of this and earlier runs were refused, by code."""
        return self._journal.codes()

    def in_part(self) -> Counter[str]:
        """How many were read, but not so that an empty list could be believed, by code."""
        why = (left_out(entry["record"]) for entry in self._journal.entries("reading"))
        return Counter(code.split()[0] for _, code, _ in filter(None, why))

    def boxes(self) -> Boxed:
        """Boxes of this and earlier runs, counted."""
        kinds, images, looked, outside = Counter[str](), 0, 0, 0
        for entry in self._journal.entries("reading"):
            found = entry["record"].get("boxes", ())
            kinds.update(box["finding"] for box in found)
            images += bool(found)
            looked += "boxed" in entry["record"]
            outside += sum(boxes.is_outside(b["finding"], b["in_lungs"]) for b in found)
        return Boxed(kinds, images=images, looked=looked, outside=outside)

    def _has_pictures(self, record: dict[str, Any]) -> bool:
        # Journal lines are forced to the disk, pictures are not: a power cut may take the last.
        for name in _pictures_of(record):
            path = self.path / name
            if not (path.is_file() and path.stat().st_size):
                return False
        return True

    def draw(self, item: Reading | CascadeReading | Refusal) -> Drawn:
        """Write the pictures of one image; may be called by several threads at once.

        Args:
            item: a reading with its radiograph, also of a cascade, or a refusal (with it where
                there is one).

        Returns:
            What :meth:`add` wants, without pixels.

        Raises:
            ValueError: a reading without its radiograph.
            RunError: the disk refuses.
        """
        if isinstance(item, Refusal):
            return self._draw_refusal(item)
        if isinstance(item, CascadeReading):
            drawn = self.draw(item.reading)
            return replace(drawn, record=with_stages(drawn.record, item))
        if item.radiograph is None:
            raise ValueError(f"{item.source.name}: draw needs the reading's radiograph, got None")
        shape = item.radiograph.shape
        stem = file_stem(item.source.name)
        grey = pictures.preview(item.radiograph)
        preview = self._picture(f"previews/{stem}.jpg", grey)
        places = boxes.on_picture(item.boxes, item.radiograph)
        heatmaps: dict[str, str] = {}
        for prediction in pictures.shown_findings(item):
            heatmap = item.heatmap(prediction.finding)
            if heatmap is not None:
                key = prediction.finding
                lit = pictures.overlay(grey, shape, heatmap, prediction)
                heatmaps[key] = self._picture(
                    f"heatmaps/{stem}.{key}.jpg", boxes.with_boxes(lit, item.boxes, places, of=key)
                )
        overlay = None
        if item.boxes:
            overlay = f"boxes/{stem}.png"
            self._file(overlay, boxes.png(boxes.with_boxes(grey, item.boxes, places)))
        record = reading_record(item, preview=preview, heatmaps=heatmaps, overlay=overlay)
        grids = tuple(pictures.grids(item.heatmaps, shape))
        known = identity(item.source)
        return Drawn("reading", item.source.name, record, grids, places, identity=known)

    def _draw_refusal(self, item: Refusal) -> Drawn:
        preview, known = None, None
        if item.radiograph is not None:
            preview = self._picture(
                f"previews/{file_stem(item.name)}.jpg", pictures.preview(item.radiograph)
            )
            known = identity(item.radiograph.source)
        record = refusal_record(item, preview=preview)
        if isinstance(item, CascadeRefusal):
            record = with_stages(record, item)
        return Drawn("refusal", item.name, record, identity=known)

    def add(self, drawn: Drawn) -> Drawn:
        """Enter one drawn image in the journal; called by one thread only, in the files' order.

        Returns:
            What was entered: a DICOM file that has the SOP Instance UID of one before is noted as
            its copy, or refused where its pixels differ
            (:func:`hilum.report.duplicates.settled`).

        Raises:
            RunError: the image was added before, or the disk refuses.
        """
        entered = settled(drawn, self._journal.first(drawn.identity))
        self._journal.append(entered)
        if entered.kind != drawn.kind:
            for name in _pictures_of(drawn.record):
                if name != entered.record["preview"]:
                    (self.path / name).unlink(missing_ok=True)
        return entered

    def finish(self, *, complete: bool = True, passed_over: int = 0) -> Path:
        """Write the tables and the page from the journal.

        Args:
            complete: False when the run was stopped before every image had its turn; the page
                says so.
            passed_over: files that were left alone because their names are not those of images.

        Returns:
            The page.

        Raises:
            RunError: the disk refuses.
        """
        from hilum.report.page import Page

        facts = {**self._facts, "finished": _now(), "complete": complete}
        facts["counts"] = {
            "read": self._journal.count("reading"),
            "refused": self._journal.count("refusal"),
            "passed_over": passed_over,
        }
        cascade = self._facts.get("cascade")
        made = {"refused.csv": tables.refused_csv(self._journal)}
        if any(card.findings for card in self._cards):  # boxes alone say nothing of whole images
            made["readings.csv"] = tables.readings_csv(self._journal)
            made["findings.csv"] = tables.findings_csv(self._journal, cascade)
        first = next(self._journal.entries("reading"), None)
        if first is not None and "rounds" in first["record"]:
            made["rounds.csv"] = tables.rounds_csv(self._journal)
        if self._facts["boxes"]:
            made["boxes.csv"] = tables.boxes_csv(self._journal)
        in_part = self.in_part().total()
        if in_part or cascade is not None:
            facts["counts"]["in_part"] = in_part
        if cascade is not None:
            for stage in cascade["stages"]:
                own = stage_tables(self._journal, stage["name"], boxes=self._facts["boxes"])
                made |= {f"stages/{stage['name']}/{name}": rows for name, rows in own.items()}
        for name, rows in made.items():
            self._text(name, lambda file, rows=rows: tables.write_csv(rows, file))
        self._text("readings.json", lambda file: tables.write_json(facts, self._journal, file))
        page = Page(self.path, self._cards, facts, self._journal)
        for name, part in page.files():
            self._text(name, lambda file, part=part: page.write_part(part, file))
        self._text("report.html", page.write)
        shutil.rmtree(self._own / "tmp", ignore_errors=True)
        return self.path / "report.html"

    def _picture(self, name: str, picture: Any) -> str:
        self._file(name, pictures.jpeg(picture))
        return name

    def _file(self, name: str, data: bytes) -> None:
        with self._whole(name) as temporary:
            temporary.write_bytes(data)

    def _text(self, name: str, write: Callable[[TextIO], None]) -> None:
        # Names of files that are no text in any encoding are written as \udcNN escapes.
        with (
            self._whole(name) as temporary,
            temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
        ):
            write(file)

    @contextmanager
    def _whole(self, name: str) -> Iterator[Path]:
        temporary = self._own / "tmp" / f"{threading.get_ident()}"
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.replace(self.path / name)
        except OSError as error:
            raise RunError(
                f"{name} could not be written in {self.path}: {error.strerror}; make room or "
                f"mend the folder, then go on with --resume."
            ) from error


def _pictures_of(record: dict[str, Any]) -> list[str]:
    """Files that an entry names."""
    named = (record["preview"], *record.get("heatmaps", {}).values(), record.get("overlay"))
    return [name for name in named if name]


def _what_reads(reads: BundleLike | CascadeReader) -> tuple[list[Card], dict[str, Any]]:
    """Cards, one a stage, and what the facts of the run say of them."""
    if isinstance(reads, CascadeReader):
        chain = reads.chain
        told = {"name": chain.name, "version": chain.version, "digest": chain.digest}
        cards = [stage.bundle.card for stage in chain.stages]
        return cards, {"bundle": told, "cascade": cascade_facts(reads)}
    card = reads.card
    return [card], {"bundle": {"name": card.name, "version": card.version, "digest": reads.digest}}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _is_free_or_ours(out: Path, run: Path) -> None:
    if out.exists() and not out.is_dir():
        raise RunError(f"{out} is a file, and results need a folder; choose another with -o.")
    if out.exists() and not run.exists() and any(e != run.parent for e in out.iterdir()):
        raise RunError(
            f"The folder {out} holds files that are not results of an earlier reading; choose an "
            f"empty or a new one with -o."
        )


def _begin(out: Path, run: Path, facts: dict[str, Any], resume: bool) -> None:
    """Check an earlier run, take over when it was started, and make what this run needs."""
    earlier = _earlier(out, run)
    if earlier is not None:
        agrees(out, earlier, facts, journal=run.parent / "journal.jsonl", resume=resume)
        facts["started"] = earlier["started"]
    shutil.rmtree(run.parent / "tmp", ignore_errors=True)
    pictured = ("previews", "heatmaps", *["boxes"] * facts["boxes"])
    for folder in (run.parent / "tmp", *(out / name for name in pictured)):
        folder.mkdir(exist_ok=True)
    draft = run.parent / "tmp" / "run.json"
    draft.write_text(json.dumps(facts), "utf-8")
    draft.replace(run)


def _earlier(out: Path, run: Path) -> dict[str, Any] | None:
    if not run.exists():
        return None
    try:
        return json.loads(run.read_text("utf-8"))
    except ValueError:
        raise RunError(
            f"{run} is damaged, so the earlier reading in {out} cannot be continued; choose "
            f"another folder with -o."
        ) from None
