"""A process ends when it is told to, wherever it is at that moment."""

from __future__ import annotations

import subprocess
import sys

INSIDE_THE_LOCK = """
import signal
from threading import Event
from hilum.service.process import ends_on_signals

stop = Event()
ends_on_signals(stop)
with stop._cond:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)
assert stop.wait(20)
print("ended")
"""


def test_signals_that_come_while_the_event_is_locked_end_it():
    told = subprocess.run(
        [sys.executable, "-c", INSIDE_THE_LOCK], check=True, stdout=subprocess.PIPE, timeout=60
    )
    assert told.stdout == b"ended\n"
