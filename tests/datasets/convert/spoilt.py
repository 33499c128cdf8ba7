"""What worker processes of tests are told to do with a file."""

from __future__ import annotations

import os
import signal
import time

from hilum.datasets.convert.work import work


def spoil(request):
    """Crash or hang where the file's name says so."""
    name = request.file.name
    if "crash" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "hang" in name:
        time.sleep(1000)
    if "once" in name and not request.apart:
        os.kill(os.getpid(), signal.SIGKILL)
    return work(request)
