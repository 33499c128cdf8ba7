"""Killed at random moments under a load, and the database away: nothing that was taken is lost."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table
from benchmarks.serve_sender import Task
from benchmarks.serving import Kept, Sent, sending, settings_of, size_of, toml, wait_until_read
from hilum.service.settings import Settings
from hilum.service.starting import free_port
from tests.service.postgres import binaries, postgres
from tests.service.serving import Running, serving

TITLE = "Server: killed under a load, and its database away"
ASSOCIATIONS = 8
AWAY_S = 30.0
WHOLE = 0.4
"""Share of kills that end all processes at once; the others end one of them."""
BETWEEN_S = (0.5, 5.0)
"""How long a server lives between two kills, drawn evenly."""
BESIDE_S = 0.7
"""A radiograph is sent every so often while it is killed."""
_PATIENCE_S = 1800.0
_NOTE = (
    f"{WHOLE:.0%} of the kills end the supervisor and with it all processes, the others one of "
    f"them, drawn evenly; {BETWEEN_S[0]:g} to {BETWEEN_S[1]:g} s lie between two. The sender sends "
    f"again what it was not told of. SQLite where it is killed, PostgreSQL where the database is "
    f"stopped (immediate mode)."
)


def run(options: Options) -> Section:
    """Measure."""
    port = free_port("127.0.0.1", 0, "", "")
    killed, sent = _killed(options, port)
    marks = [
        Mark(
            f"kill −9 at {options.kills} random moments under load: nothing accepted is lost",
            f"{len(sent.uids):,} accepted; {killed.lost} lost, {killed.twice} read twice; {killed}",
            _whole(killed, sent),
        )
    ]
    rows = [["killed", f"{len(sent.uids):,}", f"{sent.again:,}", str(killed), f"{killed.lost}"]]
    what = f"database away for {AWAY_S:g} s: nothing accepted is lost, and it goes on by itself"
    if binaries() is None:
        marks.append(Mark(what, "not measured: no PostgreSQL here", None))
    else:
        away, sent_away = _away(options, free_port("127.0.0.1", 0, "", ""))
        marks.append(
            Mark(
                what,
                f"{len(sent_away.uids):,} accepted; {away.lost} lost, {away.twice} read twice; "
                f"{away}",
                _whole(away, sent_away),
            )
        )
        rows.append(
            ["database away", f"{len(sent_away.uids):,}", f"{sent_away.again:,}", str(away),
             f"{away.lost}"]
        )  # fmt: skip
    return Section(
        "serve_kill",
        TITLE,
        tuple(marks),
        (Table("Radiographs", ("", "accepted", "sent again", "became", "lost"), rows),),
        (_NOTE,),
    )


def _whole(found: Kept, sent: Sent) -> bool:
    return (
        set(found.states) <= {"read", "refused"}
        and sum(found.states.values()) == len(sent.uids)
        and not found.lost
        and not found.twice
    )


def _task(options: Options, port: int, seconds: float) -> Task:
    """A load that lasts about so long."""
    count = max(8, min(options.served, round(seconds / BESIDE_S)))
    return Task(
        port=port, first=0, last=count, associations=ASSOCIATIONS,
        folder=str(options.folder / "drawn"), size=size_of(options), every_s=BESIDE_S,
        patience_s=_PATIENCE_S,
    )  # fmt: skip


def _killed(options: Options, port: int) -> tuple[Kept, Sent]:
    """Kill a server again and again while it is sent radiographs."""
    rng = np.random.default_rng(0)
    folder = options.folder / "kill" / "server"
    folder.parent.mkdir(parents=True)
    given = ("--dicom-port", str(port))
    with ExitStack() as life, sending(_task(options, port, 4.5 * options.kills)) as sender:
        server = life.enter_context(serving(folder, toml(options), *given))
        for _ in range(options.kills):
            time.sleep(rng.uniform(*BETWEEN_S))
            if rng.uniform() < WHOLE:
                server.kill()
                life.close()
                server = life.enter_context(serving(folder, toml(options), *given))
            else:
                _kill_one(server, rng)
        sent = sender.wait()
        found = wait_until_read(settings_of(folder), sent.uids, _PATIENCE_S)
    return found, sent


def _kill_one(server: Running, rng: np.random.Generator) -> None:
    """End one of a server's processes, if it has one now."""
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    children = [int(pid) for task in tasks for pid in (task / "children").read_text().split()]
    if children:
        os.kill(int(rng.choice(children)), signal.SIGKILL)


def _away(options: Options, port: int) -> tuple[Kept, Sent]:
    """Stop the database in the midst of a load, and start it again."""
    folder = options.folder / "away" / "server"
    folder.parent.mkdir(parents=True)
    with postgres() as cluster:
        database = cluster.database("hilum")
        settings = Settings(folder=folder, database=database)
        given = ("--dicom-port", str(port), "--database", database)
        seconds = 3 * AWAY_S
        with (
            serving(folder, toml(options), *given),
            sending(_task(options, port, seconds)) as sender,
        ):
            time.sleep(AWAY_S)
            cluster.stop("immediate")
            time.sleep(AWAY_S)
            cluster.start()
            sent = sender.wait()
            found = wait_until_read(settings, sent.uids, _PATIENCE_S)
    return found, sent
