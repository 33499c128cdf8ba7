"""The process ``send``: a thread for each kind of work, which takes what is due."""

from __future__ import annotations

from threading import Thread

from hilum.registry import Registry
from hilum.service.log import failed
from hilum.service.process import Here, living

WORK = Registry(
    "work of the process send",
    [
        ("complete", "hilum.service.sending.complete:step"),
        ("results", "hilum.service.sending.results:step"),
        ("webhooks", "hilum.service.sending.webhooks:step"),
        ("pulls", "hilum.service.sending.pulls:step"),
        ("keeping", "hilum.service.sending.keeping:step"),
    ],
)
"""Each a function of :class:`hilum.service.process.Here` that does what is due now and returns
after how many seconds it wants to be called again."""

_AFTER_FAILURE_S = 5.0


def run(here: Here) -> None:
    """Do what is due until told to stop."""
    with living(here):
        threads = [
            Thread(target=_repeat, args=(here, name), daemon=True, name=name) for name in WORK
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _repeat(here: Here, name: str) -> None:
    step = WORK.resolve(name)
    while not here.stop.is_set():
        try:
            wait = step(here)
        except Exception as error:
            failed(name, error)
            wait = _AFTER_FAILURE_S
        here.stop.wait(wait)
