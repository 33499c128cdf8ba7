"""The page ``report.html``: one file up to 50 images, beyond that a page with data beside it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from markupsafe import Markup

from hilum.bundles.card import Card, Result
from hilum.domain import finding
from hilum.domain.zones import ZONES
from hilum.report.boxes import colour_of, is_outside
from hilum.report.journal import Journal
from hilum.report.names import file_stem
from hilum.report.pictures import ENLARGE, RAMP
from hilum.report.rows import left_out
from hilum.report.templating import asset, environment
from hilum.report.told import Column, columns, states, told

EMBED_AT_MOST = 50
"""Images up to which the page holds everything in itself."""

INDEX_ROWS = 4000
DETAIL_ROWS = 100
REFUSED_ROWS = 1000
_SCRIPTS = ("data.js", "table.js", "boxes.js", "heatmap.js", "viewer.js", "page.js")


class Page:
    """The page of one run.

    Its data comes in parts, so that 100,000 rows stay usable: *index* parts hold what the table
    sorts and filters by, *detail* parts what the viewer shows, *refused* parts the refusals. A
    small page holds the parts and the pictures in itself; for a large one they are scripts in
    ``report-data/``, because pages opened from a disk may load scripts but not data.

    Args:
        out: the output folder; pictures are taken from it.
        cards: of the bundle, or of each stage of a cascade.
        facts: of the run, as in ``readings.json``.
        journal: what was read and refused.
    """

    def __init__(
        self, out: Path, cards: Sequence[Card], facts: dict[str, Any], journal: Journal
    ) -> None:
        self._out = out
        self._cards = cards
        self._facts = facts
        self._journal = journal
        self._embedded = len(journal) <= EMBED_AT_MOST
        self._names: list[str] = []
        self._boxed = _boxed(journal, cards) if facts.get("boxes") else []

    def files(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Files that stand beside a large page, with their data; none for a small one."""
        if self._embedded:
            return
        for name, part in self._parts():
            self._names.append(name)
            yield f"report-data/{name}", part

    def write_part(self, part: dict[str, Any], file: TextIO) -> None:
        """Write one of :meth:`files` as a script."""
        file.write("hilumPart(")
        json.dump(part, file, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        file.write(");\n")

    def write(self, file: TextIO) -> None:
        """Write the page."""
        parts = [part for _, part in self._parts()] if self._embedded else []
        findings = self._columns()
        flagged = with_findings = in_part = with_boxes = 0
        for entry in self._journal.entries("reading"):
            with_boxes += bool(entry["record"].get("boxes"))
            flagged += bool(warnings(entry["record"]))
            with_findings += _present(entry)
            in_part += left_out(entry["record"]) is not None
        script = "\n".join(asset(name) for name in _SCRIPTS)
        run = {
            "counts": self._facts["counts"],
            "findings": findings,
            "boxed": self._boxed,
            "zones": ZONES,
            "ramp": RAMP,
            "enlarge": ENLARGE,
            "detailRows": DETAIL_ROWS,
            "files": [f"report-data/{n}" for n in self._names if not n.startswith("detail")],
            "words": json.loads(asset("words.json")),
        }
        stream = (
            environment()
            .get_template("report.html.j2")
            .stream(
                facts=self._facts,
                cascade=self._facts.get("cascade"),
                read_with=self._read_with(findings),
                findings=findings,
                flagged=flagged,
                with_findings=with_findings,
                in_part=in_part,
                boxed=self._boxed,
                with_boxes=with_boxes,
                words=run["words"]["en"],
                run=_island(run),
                parts=(_island(part) for part in parts),
                pictures=_island(self._pictures()) if self._embedded else None,
                style=Markup(asset("style.css")),  # noqa: S704  our own file
                script=Markup(script),  # noqa: S704  our own files
                script_hash=_sha256(script),
            )
        )
        file.writelines(stream)

    def _read_with(self, findings: list[Column]) -> list[dict[str, Any]]:
        """The bundles that read, each with its card, its stage and what was measured of it."""
        cascade = self._facts.get("cascade")
        stages = cascade["stages"] if cascade else [{"name": None, "bundle": self._facts["bundle"]}]
        return [
            {
                "stage": stage["name"],
                "when": stage.get("when"),
                "abstain": stage.get("abstain", {}),
                "digest": stage["bundle"]["digest"],
                "card": card,
                "findings": [f for f in findings if f["stage"] == stage["name"]],
                "results": _pivot(card.results),
            }
            for stage, card in zip(stages, self._cards, strict=True)
        ]

    def _parts(self) -> Iterator[tuple[str, dict[str, Any]]]:
        findings = self._columns()
        kinds = {kind["key"]: at for at, kind in enumerate(self._boxed)}
        entries = self._journal.entries("reading")
        for number, start in enumerate(range(0, self._journal.count("reading"), INDEX_ROWS)):
            rows = islice(entries, INDEX_ROWS)  # one at a time: 4,000 whole entries are heavy
            yield f"index-{number:03d}.js", _index_part(rows, findings, kinds, start)
        for number, rows in enumerate(_batches(self._journal.entries("reading"), DETAIL_ROWS)):
            details = [_detail(row, kinds) for row in rows]
            part = {"kind": "detail", "chunk": number, "rows": details}
            yield f"detail-{number:04d}.js", part
        for number, rows in enumerate(_batches(self._journal.entries("refusal"), REFUSED_ROWS)):
            part = {"kind": "refused", "rows": [_refused(row["record"]) for row in rows]}
            yield f"refused-{number:03d}.js", part

    def _columns(self) -> list[Column]:
        first = next(self._journal.entries("reading"), None)
        return columns(self._cards, self._facts, first["record"] if first else None)

    def _pictures(self) -> dict[str, str]:
        """Previews as data URIs, by stem."""
        found = {}
        for kind in ("reading", "refusal"):
            for entry in self._journal.entries(kind):
                if entry["record"]["preview"]:
                    data = (self._out / entry["record"]["preview"]).read_bytes()
                    text = base64.b64encode(data).decode("ascii")
                    stem = file_stem(entry["record"]["image"])
                    found[stem] = f"data:image/jpeg;base64,{text}"
        return found


def warnings(record: dict[str, Any]) -> dict[str, str]:
    """What may make a result worse, from intake and gate: code → message."""
    notes = [n for n in record["notes"] if n["warning"]] + record["gate"]["flags"]
    return {n["code"]: n["message"] for n in notes}


def _present(entry: dict[str, Any]) -> bool:
    return any(p["decision"] == "present" for p in entry["record"]["predictions"])


def _boxed(journal: Journal, cards: Sequence[Card]) -> list[dict[str, Any]]:
    """The findings that boxes were looked for on any image, each with its colour.

    ``drawn`` tells those that a graph draws; others have a box only where they are called present.
    """
    keys: dict[str, None] = {}
    drawn = {kind.key for card in cards for kind in card.boxes}
    for entry in journal.entries("reading"):
        keys |= dict.fromkeys(entry["record"].get("boxed", ()))
    return [
        {
            "key": key,
            "name": finding(key).name,
            "zh": finding(key).name_zh,
            "colour": "#{:02x}{:02x}{:02x}".format(*colour_of(key)),
            "drawn": key in drawn,
        }
        for key in keys
    ]


def _index_part(
    rows: Iterator[dict[str, Any]], findings: list[Column], kinds: Mapping[str, int], start: int
) -> dict[str, Any]:
    """Names, probabilities, boxes and warnings of some rows.

    A probability and its decision share 16 bits: the probability in steps of 1/32767 above, the
    decision in the lowest bit; 0 for a finding that is not told. Rows of which not everything is
    told and decided have :func:`hilum.report.told.states`. Boxes are counted, a finding each, with
    the score of the surest; rows that none were looked for on have no entry.
    """
    codes: dict[str, int] = {}
    names, flags, stems, untold, found = [], [], {}, {}, {}
    packed = bytearray()
    for at, row in enumerate(rows):
        record = row["record"]
        names.append(record["image"])
        flags.append([codes.setdefault(code, len(codes)) for code in warnings(record)])
        stem = file_stem(record["image"])
        if stem != record["image"].replace("/", "__"):
            stems[at] = stem
        for p in told(record, findings):
            both = round(p["probability"] * 32767) << 1 | (p["decision"] == "present") if p else 0
            packed += both.to_bytes(2, "little")
        if letters := states(record, findings):
            untold[at] = letters
        if "boxed" in record:
            found[at] = _counted(record["boxes"], kinds)
    return {
        "kind": "index",
        "start": start,
        "names": names,
        "p": base64.b64encode(packed).decode("ascii"),
        "codes": list(codes),
        "flags": flags,
        "stems": stems,
        "states": untold,
        "boxes": found,
    }


def _counted(boxes: Sequence[dict[str, Any]], kinds: Mapping[str, int]) -> list[list[float]]:
    """Number of the finding, boxes, score of the surest; the surest finding first."""
    found: dict[str, list[float]] = {}
    for box in boxes:  # the surest first
        one = found.setdefault(box["finding"], [kinds[box["finding"]], 0, round(box["score"], 4)])
        one[1] += 1
    return list(found.values())


def _detail(row: dict[str, Any], kinds: Mapping[str, int]) -> dict[str, Any]:
    record = row["record"]
    kept = {k: record[k] for k in ("format", "shape", "acquisition", "heatmaps")}
    gate = record["gate"]
    told = [n for n in record["notes"] if not n["warning"]]
    return kept | {
        "warnings": list(warnings(record).items()),
        "notes": [[n["code"], n["message"]] for n in told],
        "distance": [gate["distance"], gate["limit"]],
        "grids": row["grids"],
        "stages": [_step(step) for step in record.get("stages", ())],
        "boxed": [kinds[key] for key in record.get("boxed", ())],
        "boxes": [
            _box(box, place, kinds)
            for box, place in zip(record.get("boxes", ()), row.get("places", ()), strict=True)
        ],
    }


def _box(box: dict[str, Any], place: Sequence[float], kinds: Mapping[str, int]) -> dict[str, Any]:
    return {
        "kind": kinds[box["finding"]],
        "score": round(box["score"], 4),
        "corners": [round(part, 5) for part in place],
        "origin": box["origin"],
        "zones": box["zones"],
        "share": box["in_lungs"],
        "outside": is_outside(box["finding"], box["in_lungs"]),
        "mm": box["size_mm"],
        "stage": box.get("stage", ""),
    }


def _step(step: dict[str, Any]) -> list[Any]:
    """A stage for the viewer: its name, what became of it, and why or how far away it lay."""
    gate = step["gate"]
    why = step["because"] or " ".join(note["message"] for note in step["reasons"])
    return [step["stage"], step["outcome"], why, gate["distance"] if gate else None]


def _refused(record: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": record["image"],
        "stage": record["stage"],
        "reasons": [[n["code"], n["message"]] for n in record["reasons"]],
        "stem": file_stem(record["image"]) if record["preview"] else None,
    }


def _pivot(results: tuple[Result, ...]) -> dict[str, Any]:
    """Measured results as a table: findings down, (metric, split) across; the others in a list."""
    of_findings = [r for r in results if r.finding or r.is_mean]
    columns = list(dict.fromkeys((r.metric, r.split) for r in of_findings))
    rows: dict[str | None, dict[tuple[str, str], Result]] = {None: {}}
    for result in of_findings:
        rows.setdefault(result.finding, {})[result.metric, result.split] = result
    return {
        "columns": columns,
        "rows": {key: cells for key, cells in rows.items() if cells},
        "others": [r for r in results if not r.finding and not r.is_mean],
        "notes": list(dict.fromkeys(r.note for r in results if r.note)),
    }


def _batches(rows: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(rows, size)):
        yield batch


def _island(value: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it can close the element."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(char, escape)
    return Markup(text)  # noqa: S704  escaped above


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
