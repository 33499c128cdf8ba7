"""What is in a file and what intake would do with it, with patient data masked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_description, dictionary_has_tag
from pydicom.multival import MultiValue
from pydicom.uid import UID

from hilum.domain import Note, Radiograph
from hilum.errors import IntakeError
from hilum.imaging.dicomfile import PARSE_ERRORS, open_dicom, quiet
from hilum.imaging.files import FoundFile
from hilum.imaging.intake import load, read
from hilum.imaging.masking import masked
from hilum.imaging.sniff import sniff

_LONGEST = 96


@dataclass(frozen=True, slots=True)
class Row:
    """One header element.

    Attributes:
        tag: "(0028,0010)", indented by its depth in sequences; empty for PNG, JPEG and TIFF.
        keyword: the element's name in PS3.6.
        vr: value representation.
        value: as shown; masked where it may identify a patient.
    """

    tag: str
    keyword: str
    vr: str
    value: str


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """One file, looked at.

    Attributes:
        name: the file's base name.
        format: "dicom", "png", "jpeg", "tiff"; None when it is none of these.
        bytes: size of the file.
        rows: header elements; empty where no header could be read.
        grey: how stored values would become grey levels; empty when it cannot be read.
        shape: (rows, columns) of the radiograph; None when it cannot be read.
        notes: what intake would note.
        error: (code, message) of the error that intake would raise; None when it can be read.
        radiograph: the radiograph itself.
    """

    name: str
    format: str | None
    bytes: int
    rows: tuple[Row, ...] = ()
    grey: str = ""
    shape: tuple[int, int] | None = None
    notes: tuple[Note, ...] = ()
    error: tuple[str, str] | None = None
    radiograph: Radiograph | None = None


def inspect(path: Path | str | FoundFile, *, mend: bool = False) -> Inspection:
    """Look at a file; whatever is wrong with it stands in the result.

    Args:
        path: the file.
        mend: look at what :func:`hilum.imaging.read` would mend.

    Returns:
        Header, grey chain, notes, and the error where the file cannot be read.

    Source:
        What is masked: PS3.15 Table E.1-1, basic profile.
    """
    name = path.name if isinstance(path, FoundFile) else Path(path).name
    size, kind, rows = 0, None, ()
    try:
        data = load(path)
        size = len(data)
        kind = sniff(data)
        if kind == "dicom":
            rows = _header(data)
        radiograph = read(path, data=data, name=name, mend=mend)
    except IntakeError as error:
        return Inspection(name, kind, size, rows, error=(error.code, str(error)))
    return Inspection(
        name,
        kind,
        size,
        rows,
        grey=radiograph.acquisition.grey,
        shape=radiograph.shape,
        notes=radiograph.notes,
        radiograph=radiograph,
    )


def _header(data: bytes) -> tuple[Row, ...]:
    with quiet():
        file = open_dicom(data)
        try:
            name = UID(file.syntax).name
        except PARSE_ERRORS:
            name = "unknown"
        syntax = file.syntax if name in ("", file.syntax) else f"{name} ({file.syntax})"
        return (Row("(0002,0010)", "TransferSyntaxUID", "UI", syntax), *_rows(file.dataset, 0))


def _rows(dataset: Dataset, depth: int) -> list[Row]:
    rows: list[Row] = []
    private = 0
    for tag in sorted(dataset.keys()):
        if tag.is_private:
            private += 1
            continue
        shown = f"{'> ' * depth}({tag.group:04X},{tag.element:04X})"
        try:
            element = dataset[tag]
            rows.append(Row(shown, _keyword(element), str(element.VR), _value(element)))
            if element.VR == "SQ" and depth < 3:
                for item in element.value:
                    rows.extend(_rows(item, depth + 1))
        except PARSE_ERRORS:
            known = dictionary_has_tag(tag)
            rows.append(Row(shown, dictionary_description(tag) if known else "", "", "unreadable"))
    if private:
        rows.append(Row(f"{'> ' * depth}private", "", "", f"{private} elements, not shown"))
    return rows


def _keyword(element: DataElement) -> str:
    return element.keyword or str(element.name)


def _value(element: DataElement) -> str:
    mask = masked(element)
    if mask is not None:
        return mask
    value = element.value
    if element.VR == "SQ":
        return f"{len(value)} items"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if element.VR == "UI":
        return str(UID(str(value)).name) if not isinstance(value, MultiValue) else "several"
    parts = cast("list[object]", value if isinstance(value, MultiValue | list) else [value])
    if len(parts) > 16:
        return f"{len(parts):,} values"
    text = "\\".join(str(part) for part in parts)
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
