"""Finding and loading cascades."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from hilum.bundles.cascades.schema import Cascade, Stage
from hilum.bundles.store import available as bundles
from hilum.errors import CascadeError
from hilum.registry import unknown

SHIPPED = Path(__file__).with_name("shipped")
"""Where the cascades lie that come with the package."""

LARGEST = 1 << 20
"""Bytes of a cascade's file; a real one holds some hundreds."""


def available() -> tuple[str, ...]:
    """Names of the cascades that come with the package."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def locate(name_or_path: str | Path) -> Path:
    """The file of a cascade.

    Args:
        name_or_path: a name from :func:`available`, or else a TOML file. To mean a file of the same
            name, write ``./covid-then-findings``.

    Raises:
        CascadeError: neither a known name nor a file; the message lists near matches.
    """
    known = available()
    if str(name_or_path) in known:
        return SHIPPED / f"{name_or_path}.toml"
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise CascadeError(f"{path} is a folder; a cascade is a TOML file.")
    if path.suffix == ".toml":
        raise CascadeError(f"No cascade {path}: there is no such file.")
    raise CascadeError(
        f"{unknown('cascade', str(name_or_path), known)} A cascade is a name from `hilum cascades "
        "list`, or a TOML file."
    )


def load(name_or_path: str | Path) -> Cascade:
    """Load a cascade. Its bundles are not looked at.

    Args:
        name_or_path: as :func:`locate` takes it.

    Returns:
        The cascade; paths of bundles that are relative to its file are made absolute.

    Raises:
        CascadeError: there is no such cascade, or it is invalid; the message lists every fault.
    """
    path = locate(name_or_path)
    try:
        if path.stat().st_size > LARGEST:
            raise CascadeError(f"{path} is too large for a cascade; at most {LARGEST:,} bytes.")
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CascadeError(f"{path} is no TOML: {error}.") from error
    except OSError as error:
        raise CascadeError(f"{path} cannot be read: {error.strerror}.") from error
    except RecursionError:
        raise CascadeError(f"{path} is nested too deeply.") from None
    try:
        made = Cascade.model_validate(document)
    except RecursionError:
        raise CascadeError(f"{path} is nested too deeply.") from None
    except ValidationError as error:
        raise CascadeError(listed(path.name, faults(error))) from error
    stages = tuple(_with_place(stage, path.parent) for stage in made.stages)
    return made.model_copy(update={"stages": stages})


def about(name_or_path: str | Path) -> str:
    """The text of a cascade's file.

    Raises:
        CascadeError: there is no such cascade.
    """
    return locate(name_or_path).read_text(encoding="utf-8")


def faults(error: ValidationError) -> list[str]:
    """What pydantic found, a line each; stages by their number."""
    found: list[str] = []
    for fault in error.errors(include_url=False):
        place = ".".join(str(p + 1) if isinstance(p, int) else p for p in fault["loc"])
        given = fault["input"]
        told = fault["type"] in {"missing", "order"} or isinstance(given, dict | list | tuple)
        got = "" if told or given is None else f", got {_short(given)}"
        found.append(f"{place or 'the file'}: {fault['msg'].removeprefix('Value error, ')}{got}")
    return found


def listed(where: str, found: list[str]) -> str:
    """A message of all faults."""
    lines = "".join(f"\n  {fault}" for fault in found)
    return f"{where}: {len(found)} fault{'s' * (len(found) > 1)} in the cascade:{lines}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _with_place(stage: Stage, folder: Path) -> Stage:
    path = Path(stage.bundle).expanduser()
    if stage.bundle in bundles() or path.is_absolute() or not (folder / path).exists():
        return stage
    return stage.model_copy(update={"bundle": str((folder / path).resolve())})
