"""Sends drawn radiographs over C-STORE, several associations at once; a process of its own.

``python -m benchmarks.serve_sender`` reads a :class:`Task` as JSON and writes a line for each
radiograph that the server has taken: its SOP Instance UID and the seconds that took. What it did
not take is sent again, as a radiographic unit would.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pynetdicom import AE
from pynetdicom.association import Association

from benchmarks.material import dicom_files

SYNTAXES = ("explicit", "rle", "jpeg-lossless", "jpeg-ls", "jpeg-2000")
"""Of radiographs that are sent, in turns."""

_AGAIN_S = 0.2
_SUCCESS = 0x0000


@dataclass(frozen=True, slots=True)
class Task:
    """What to send.

    Attributes:
        port: of the server's DICOM listener, on the loopback.
        first, last: numbers of radiographs, last not among them.
        associations: at once.
        folder: where the drawn files lie, or will.
        size: (rows, columns).
        every_s: one begins so long after the other; 0 as fast as can be.
        patience_s: a radiograph that is not taken for so long ends it.
    """

    port: int
    first: int
    last: int
    associations: int
    folder: str
    size: tuple[int, int]
    every_s: float = 0.0
    patience_s: float = 600.0


class Radiographs:
    """Radiographs by number: few pictures, each number a patient, study and instance of its own."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        files = dicom_files(folder, size, SYNTAXES)
        self._drawn = [dcmread(path) for path in files.values()]
        self.wanted = sorted({(d.SOPClassUID, d.file_meta.TransferSyntaxUID) for d in self._drawn})

    def __getitem__(self, number: int) -> Dataset:
        drawn, made = self._drawn[number % len(self._drawn)], Dataset()
        made.update(drawn)
        made.file_meta = FileMetaDataset()
        made.file_meta.update(drawn.file_meta)
        made.PatientID = f"LOAD{number:06}"
        made.PatientName = f"LOAD^NUMBER {number}"
        made.StudyInstanceUID, made.SeriesInstanceUID = uid(number, 1), uid(number, 2)
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = uid(number)
        return made


def uid(number: int, of: int = 0) -> str:
    """SOP Instance UID of a number; 1: of its study, 2: of its series."""
    return f"2.25.{7_000_000_000 + 10 * number + of}"


def main() -> None:
    """Send."""
    warnings.simplefilter("ignore")  # of values that others' libraries find odd
    told = json.loads(sys.stdin.read())
    task = Task(**told | {"size": tuple(told["size"])})
    radiographs = Radiographs(Path(task.folder), task.size)
    numbers, lock = _begun(task), threading.Lock()
    threads = [
        threading.Thread(target=_send, args=(task, radiographs, numbers, lock))
        for _ in range(task.associations)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _begun(task: Task) -> Iterator[int]:
    begun = time.monotonic()
    for number in range(task.first, task.last):
        time.sleep(max(0.0, begun + (number - task.first) * task.every_s - time.monotonic()))
        yield number


def _send(
    task: Task, radiographs: Radiographs, numbers: Iterator[int], lock: threading.Lock
) -> None:
    association: Association | None = None
    while True:
        with lock:
            number = next(numbers, None)
        if number is None:
            break
        made, begun = radiographs[number], time.monotonic()
        for tries in count(1):
            if association is None or not association.is_established:
                association = _associate(task, radiographs)
            if _taken(association, made):
                break
            if time.monotonic() - begun > task.patience_s:
                raise SystemExit(f"number {number} was not taken, {tries} times")
            time.sleep(_AGAIN_S)
        line = {"uid": made.SOPInstanceUID, "seconds": time.monotonic() - begun, "tries": tries}
        with lock:
            print(json.dumps(line), flush=True)
    if association is not None and association.is_established:
        association.release()


def _associate(task: Task, radiographs: Radiographs) -> Association:
    entity = AE("BENCHMARK")
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 60
    for sop_class, syntax in radiographs.wanted:
        entity.add_requested_context(sop_class, syntax)
    return entity.associate("127.0.0.1", task.port, ae_title="HILUM")


def _taken(association: Association, made: Dataset) -> bool:
    if not association.is_established:
        return False
    try:
        status = association.send_c_store(made)
    except (RuntimeError, ValueError):  # the association ended under it
        return False
    return "Status" in status and status.Status == _SUCCESS


def as_json(task: Task) -> str:
    """For the standard input of :func:`main`."""
    return json.dumps(asdict(task))


if __name__ == "__main__":
    main()
