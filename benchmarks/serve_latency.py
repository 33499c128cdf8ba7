"""One radiograph from the moment the server has taken it to its report in Orthanc.

Both run in a network of their own, with what sends: Orthanc listens at every address.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from pynetdicom import AE

from benchmarks.options import ROOT, Options
from benchmarks.results import Mark, Section, Table
from benchmarks.serve_sender import Radiographs
from benchmarks.serving import quantile, size_of, toml
from tests.service import orthanc
from tests.service.serving import serving

TITLE = "Server: from C-STORE to the report in Orthanc"
ROUNDS = 30
WARM_UP = 5
MARK_S = 1.5
_LOOK_S = 0.01
_PATIENCE_S = 60.0


def run(options: Options) -> Section:
    """Measure."""
    if (why := orthanc.why_not()) is not None:
        return Section("serve_latency", TITLE, skipped=why)
    folder = options.folder / "latency"
    folder.mkdir()
    told = {
        "folder": str(folder), "drawn": str(options.folder / "drawn"), "size": size_of(options),
        "bundle": options.bundle, "rounds": options.rounds(ROUNDS),
    }  # fmt: skip
    done = orthanc.inside(
        [sys.executable, "-m", "benchmarks.serve_latency", json.dumps(told)],
        timeout=1800, PYTHONPATH=str(ROOT),
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-4000:])
    times = json.loads(done.stdout.splitlines()[-1])
    seconds = times["report"]
    size = size_of(options)
    rows = [
        [what, *(f"{quantile(times[key], share):.2f}" for share in (0.5, 0.95)),
         f"{min(times[key]):.2f}–{max(times[key]):.2f}"]
        for what, key in (
            ("C-STORE, asked to answered", "store"),
            ("answered to read", "read"),
            ("answered to report in Orthanc", "report"),
        )
    ]  # fmt: skip
    return Section(
        "serve_latency",
        TITLE,
        (
            Mark(
                f"C-STORE accepted to report stored in Orthanc ≤ {MARK_S:g} s, median",
                f"{quantile(seconds, 0.5):.2f} s",
                quantile(seconds, 0.5) <= MARK_S,
            ),
        ),
        (Table(f"Seconds, {len(seconds)} radiographs one after the other",
               ("", "median", "95 %", "least–most"), rows),),
        (
            (
                f"Bundle {options.bundle} with boxes; {size[0]} × {size[1]} pixels in five "
                f"transfer syntaxes in turns. Orthanc, the server and the sender share the cores."
            ),
        ),
    )  # fmt: skip


def _inside(told: dict) -> dict[str, list[float]]:
    folder, radiographs = Path(told["folder"]), Radiographs(Path(told["drawn"]), told["size"])
    options = Options(folder=folder, size=tuple(told["size"]), bundle=told["bundle"])
    times: dict[str, list[float]] = {"store": [], "read": [], "report": []}
    with orthanc.running(folder / "orthanc") as archive:
        place = (
            f'\n[[places]]\nname = "archive"\nae_title = "{archive.ae_title}"\n'
            f'host = "127.0.0.1"\nport = {archive.dicom}\nsend = ["sr"]\n'
        )
        with serving(folder / "server", toml(options) + place) as server:
            entity = AE("BENCHMARK")
            for sop_class, syntax in radiographs.wanted:
                entity.add_requested_context(sop_class, syntax)
            association = entity.associate("127.0.0.1", server.dicom, ae_title="HILUM")
            assert association.is_established
            for number in range(WARM_UP + told["rounds"]):
                asked = time.perf_counter()
                status = association.send_c_store(radiographs[number])
                taken = time.perf_counter()
                assert status.Status == 0x0000, hex(status.Status)
                read = _wait(lambda n=number: _read(server) > n)
                report = _wait(lambda n=number: len(archive.get("/instances")) > n)
                if number >= WARM_UP:
                    times["store"].append(taken - asked)
                    times["read"].append(max(0.0, read - taken))
                    times["report"].append(report - taken)
            association.release()
    return times


def _read(server) -> int:
    """How many are read: folders of readings, so that the server is not asked."""
    shards = (server.folder / "readings").iterdir()
    return sum(1 for shard in shards for one in shard.iterdir() if (one / "evidence.npz").exists())


def _wait(look) -> float:
    """When something was first so."""
    end = time.monotonic() + _PATIENCE_S
    while not look():
        if time.monotonic() > end:
            raise RuntimeError("nothing came")
        time.sleep(_LOOK_S)
    return time.perf_counter()


if __name__ == "__main__":
    print(json.dumps(_inside(json.loads(sys.argv[1]))))
