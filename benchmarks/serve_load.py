"""Many radiographs over several associations at once, and the page meanwhile."""

from __future__ import annotations

import time

from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table
from benchmarks.serve_sender import Task
from benchmarks.serving import (
    quantile,
    sending,
    settings_of,
    size_of,
    toml,
    wait_until_read,
    watched,
)
from tests.service.serving import serving

TITLE = "Server: a load over DICOM"
ASSOCIATIONS = 8
PAGE_MS = 200
SAME = 1.1
"""Up to this ratio memory counts as flat."""
PAGES = ("/", "/v1/studies", "/status")
_PATIENCE_S = 5400.0


def run(options: Options) -> Section:
    """Measure."""
    count, folder = options.served, options.folder / "load" / "server"
    folder.parent.mkdir(parents=True)
    settings = settings_of(folder)
    with serving(folder, toml(options)) as server:
        task = Task(
            port=server.dicom, first=0, last=count, associations=ASSOCIATIONS,
            folder=str(options.folder / "drawn"), size=size_of(options),
        )  # fmt: skip
        with watched(server.port, server.token, server.process.pid, PAGES) as watch:
            begun = time.monotonic()
            with sending(task) as sender:
                sent = sender.wait()
            taken_s = time.monotonic() - begun
            found = wait_until_read(settings, sent.uids, _PATIENCE_S)
            all_s = time.monotonic() - begun
    rows_px, columns_px = size_of(options)
    slowest = max(watch.p95_ms().values())
    good = found.states == {"read": count} or set(found.states) <= {"read", "refused"}
    marks = (
        Mark(
            f"{count:,} radiographs over {ASSOCIATIONS} associations at once: all read, none lost, "
            f"no duplicate result",
            f"{found}; {found.lost} lost, {found.twice} read twice; {sent.again} sent again",
            good and sum(found.states.values()) == count and not found.lost and not found.twice,
        ),
        Mark(
            f"memory flat (last over second quarter ≤ {SAME:g})",
            f"{watch.growth():.2f}; at most {max(mb for _, mb in watch.memory_mb):,.0f} MB",
            watch.growth() <= SAME,
        ),
        Mark(
            f"page answers ≤ {PAGE_MS} ms at the 95th percentile meanwhile",
            f"{slowest:.0f} ms; {watch.failed} failed",
            slowest <= PAGE_MS and not watch.failed,
        ),
    )
    rows = [
        [page, f"{len(all_s_):,}", f"{1e3 * quantile(all_s_, 0.5):.0f}",
         f"{1e3 * quantile(all_s_, 0.95):.0f}", f"{1e3 * max(all_s_):.0f}"]
        for page, all_s_ in watch.answers_s.items()
    ]  # fmt: skip
    return Section(
        "serve_load",
        TITLE,
        marks,
        (
            Table("Answers, ms", ("page", "asked", "median", "95 %", "longest"), rows),
            Table(
                "Radiographs",
                ("taken, s", "a second", "C-STORE median, s", "95 %", "read, s", "a second"),
                [[f"{taken_s:.0f}", f"{count / taken_s:.1f}", f"{quantile(sent.seconds, 0.5):.2f}",
                  f"{quantile(sent.seconds, 0.95):.2f}", f"{all_s:.0f}", f"{count / all_s:.1f}"]],
            ),
        ),
        (
            (f"Bundle {options.bundle}; drawn radiographs of {rows_px} × {columns_px} "
            f"pixels of 12 bits in five transfer syntaxes in turns, each a patient of its own. The "
            f"sender is another process on the same cores. Memory is that of all processes of the "
            f"server together."),
        ),
    )  # fmt: skip
