"""Results as files. Their names say nothing of a patient."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import cast

import numpy as np
from fastapi import HTTPException
from fastapi.responses import FileResponse, Response

from hilum.errors import HilumError, NotNow
from hilum.service.evidence import EVIDENCE
from hilum.service.objects import Kind, dicom_object
from hilum.service.process import Here
from hilum.service.store.tables import Reading
from hilum.service.web.templating import LANGUAGES

KINDS = ("csv", "json", "pdf", "sr", "gsps", "seg-lungs", "seg-heatmaps", "sc")
"""Table, record, page; structured report, presentation state, segmentations, secondary capture."""

_COLUMNS = ("finding", "probability", "operating_point", "decision", "calibrated", "spread")


def there(here: Here, reading: Reading, source: str) -> tuple[str, ...]:
    """What a reading can be downloaded as.

    Args:
        here: of the process.
        reading: or a refusal, which has no pictures with findings.
        source: format of the radiograph; objects for a PACS need a DICOM header.
    """
    found = ["csv", "json", "pdf"]
    if source == "dicom":
        found.append("sr")
        if reading.kind == "reading":
            found += [
                "gsps",
                *_segmentations(reading, here.files.reading(reading.id) / EVIDENCE),
                "sc",
            ]
    return tuple(found)


def _segmentations(reading: Reading, evidence: Path) -> list[str]:
    """Lungs where they were found; heatmaps where one is of a finding that is present."""
    try:
        with np.load(evidence, allow_pickle=False) as arrays:
            lungs = "lungs" in arrays.files
            mapped = {key.decode("ascii") for key in arrays["findings"].tolist()}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return []
    present = {p["finding"] for p in reading.record["predictions"] if p["decision"] == "present"}
    return ["seg-lungs"] * lungs + ["seg-heatmaps"] * bool(present & mapped)


def download(here: Here, reading_id: str, kind: str, language: str = "en") -> Response:
    """A result as an attachment.

    Args:
        here: of the process.
        reading_id: of a row that is there.
        kind: one of :data:`KINDS`.
        language: of a PDF.

    Raises:
        HTTPException: 404 where this reading has none of that kind.
    """
    name = f"hilum-{reading_id[:12]}"
    if kind in {"csv", "json"}:
        with here.store.reading() as session:
            row = session.get(Reading, reading_id)
        if row is None:
            raise HTTPException(404, "There is no such reading; it may have been deleted.")
        text, media = _table(row) if kind == "csv" else _record(row)
        return Response(
            text.encode("utf-8"), media_type=media,
            headers={"Content-Disposition": f'attachment; filename="{name}.{kind}"'},
        )  # fmt: skip
    try:
        path = dicom_object(here, reading_id, cast("Kind", kind), language=LANGUAGES[language])
    except NotNow:
        raise
    except HilumError as error:
        raise HTTPException(404, str(error)) from None
    end = "pdf" if kind == "pdf" else f"{kind}.dcm"
    media = "application/pdf" if kind == "pdf" else "application/dicom"
    return FileResponse(path, media_type=media, filename=f"{name}.{end}")


def _table(row: Reading) -> tuple[str, str]:
    """``kind`` first: a refusal must not look like a table without findings.

    A stage of a cascade that told nothing has a row of its own, with what became of it as decision.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    if row.kind == "refusal":
        table.writerow(("kind", "code", "message"))
        table.writerows(("refusal", n["code"], n["message"]) for n in row.record["reasons"])
    else:
        table.writerow(("kind", *_COLUMNS))
        table.writerows(
            ("reading", *(_cell(p.get(column)) for column in _COLUMNS))
            for p in row.record["predictions"]
        )
        table.writerows(
            ("stage", step["stage"], "", "", step["outcome"], "", "")
            for step in row.record.get("stages", ())
            if step["outcome"] not in {"read", "not-asked"}
        )
    return out.getvalue(), "text/csv; charset=utf-8"


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value


def _record(row: Reading) -> tuple[str, str]:
    bundle = {"name": row.bundle, "digest": row.bundle_digest}
    whole = {"reading": row.id, "kind": row.kind, "bundle": bundle, "record": row.record}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n", "application/json"
