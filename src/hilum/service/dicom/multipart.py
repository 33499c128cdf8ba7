"""multipart/related bodies of DICOMweb (PS3.18 8.6.1, RFC 2387), as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from hilum.errors import ServiceError

DICOM = "application/dicom"
IN_MEMORY = 1_000_000
"""Bytes of a part that is not yet put on the disk."""

_BOUNDARY = 200


class NotMultipart(ServiceError):
    """A body is no multipart/related, or broken."""

    code = "not-multipart"


def media_type(content_type: str) -> tuple[str, dict[str, str]]:
    """A Content-Type and its parameters, names in lower case."""
    kind, options = parse_options_header(content_type)
    told = {key.decode("latin-1"): value.decode("latin-1") for key, value in options.items()}
    return kind.decode("latin-1").lower(), told


@dataclass(slots=True)
class Part:
    """One part.

    Attributes:
        kind: its Content-Type without parameters, in lower case; empty where it has none.
        size: bytes.
        over: it was larger than allowed; its bytes are gone.
    """

    kind: str = ""
    size: int = 0
    over: bool = False
    _file: IO[bytes] | None = None

    def take(self) -> bytes:
        """Its bytes; once."""
        assert self._file is not None, "parts are taken once"
        with self._file as file:
            file.seek(0)
            data = file.read()
        self._file = None
        return data

    def drop(self) -> None:
        """Let go of its bytes."""
        if self._file is not None:
            self._file.close()
            self._file = None


@dataclass(slots=True)
class Parts:
    """Puts parts together from the pieces of a body.

    Attributes:
        folder: where large parts lie meanwhile; they have no name there.
        most_bytes: of one part; what is beyond is dropped.
        most: parts; more are an error.
    """

    content_type: str
    folder: Path
    most_bytes: int
    most: int
    count: int = 0
    _parser: Any = None
    _now: Part | None = None
    _header: list[bytes] = field(default_factory=lambda: [b"", b""])
    _done: list[Part] = field(default_factory=list)
    _ended: bool = False

    def __post_init__(self) -> None:
        kind, told = media_type(self.content_type)
        boundary = told.get("boundary", "")
        if kind != "multipart/related" or not 0 < len(boundary) <= _BOUNDARY:
            raise NotMultipart("The body should be multipart/related with a boundary.")
        calls = {
            "on_part_begin": self._begin, "on_part_data": self._data, "on_part_end": self._end,
            "on_header_field": self._name, "on_header_value": self._value,
            "on_header_end": self._told, "on_end": self._finish,
        }  # fmt: skip
        try:
            self._parser = MultipartParser(boundary.encode("latin-1"), cast("Any", calls))
        except FormParserError:
            raise NotMultipart("The boundary of the body is none (RFC 2046, 5.1.1).") from None

    def feed(self, data: bytes) -> Iterator[Part]:
        """Take a piece of the body.

        Yields:
            Parts that are whole now.

        Raises:
            NotMultipart: the body is broken, or has too many parts.
        """
        try:
            self._parser.write(data)
        except FormParserError:
            raise NotMultipart("The multipart body is broken (RFC 2046, 5.1).") from None
        while self._done:
            yield self._done.pop(0)

    def close(self) -> None:
        """Let go of what is not whole."""
        for part in (self._now, *self._done):
            if part is not None:
                part.drop()

    def end(self) -> None:
        """The body is at its end.

        Raises:
            NotMultipart: its last boundary is missing: the end was lost.
        """
        if not self._ended:
            raise NotMultipart("The multipart body breaks off; send it again.")

    def _begin(self) -> None:
        self.count += 1
        if self.count > self.most:
            raise NotMultipart(f"The body has more than {self.most:,} parts, the limit here.")
        file = SpooledTemporaryFile(IN_MEMORY, dir=str(self.folder))  # noqa: SIM115  the part closes it
        self._now = Part(_file=cast("IO[bytes]", file))

    def _data(self, data: bytes, start: int, end: int) -> None:
        part = cast("Part", self._now)
        part.size += end - start
        if part.size > self.most_bytes:
            part.over = True
            part.drop()
        elif part._file is not None:
            part._file.write(data[start:end])

    def _end(self) -> None:
        self._done.append(cast("Part", self._now))
        self._now = None

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _told(self) -> None:
        name, value = (text.decode("latin-1").strip() for text in self._header)
        if name.lower() == "content-type":
            cast("Part", self._now).kind = media_type(value)[0]
        self._header = [b"", b""]

    def _finish(self) -> None:
        self._ended = True
