"""Whether a run may go on with what an earlier one left in the same folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hilum.errors import RunError


def agrees(
    out: Path, earlier: dict[str, Any], now: dict[str, Any], *, journal: Path, resume: bool
) -> None:
    """Check that a run may write into a folder that holds an earlier one.

    Args:
        out: the folder.
        earlier: facts of the run that began there.
        now: facts of the run that wants to.
        journal: of the earlier run.
        resume: whether this run is to go on with it.

    Raises:
        RunError: there are results and ``resume`` was not asked for; or the two are not made alike.
    """
    if not resume and (journal.exists() and journal.stat().st_size > 0):
        raise RunError(
            f"The folder {out} holds results of an earlier reading; go on with --resume, or "
            f"choose another folder with -o."
        )
    if not resume:
        return
    given = {"boxes": "--boxes" * earlier.get("boxes", False)} | _options(earlier.get("intake", ""))
    for what, option in ({"boxes": "--boxes" * now["boxes"]} | _options(now["intake"])).items():
        _agrees_on(out, what, given[what], option)
    for what in ("bundle", "prevalence", "intake", "schema"):
        if earlier.get(what, "") != now[what]:
            raise RunError(
                f"The results in {out} were made with {what} {_say(earlier.get(what))}, and this "
                f"run has {_say(now[what])}; use the same, or choose another folder with -o."
            )


def _options(intake: str) -> dict[str, str]:
    """How files are read in a run, taken apart: what → the option; empty where it was not given."""
    plain, rounds, plan = intake.partition("--rounds")
    given = plain.split()
    said = {one: one * (one in given) for one in ("--mend", "--reduced")}
    return said | {"rounds": rounds + plan}


def _agrees_on(out: Path, what: str, earlier: str, now: str) -> None:
    if earlier == now:
        return
    if not earlier:
        mend = f"leave out {now.split(maxsplit=1)[0]}"
    elif not now:
        mend = f"add {earlier.partition(' (')[0]}"
    else:
        mend = "use the same"
    said = [f"with {one}" if one else f"without {what}" for one in (earlier, now)]
    raise RunError(
        f"The results in {out} were made {said[0]}, and this run is {said[1]}; {mend}, or choose "
        f"another folder with -o."
    )


def _say(value: Any) -> str:
    if isinstance(value, dict):
        return f"{value['name']} {value['version']} ({value['digest'][:12]}…)"
    return repr(value) if value else "none"
