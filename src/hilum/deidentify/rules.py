"""What is kept of a header, and the secret that pseudonyms come from."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hilum.errors import RunError

Dates = Literal["remove", "shift", "keep"]
Pixels = Literal["clean", "refuse", "leave"]

DATES = ("remove", "shift", "keep")
PIXELS = ("clean", "refuse", "leave")

SHORTEST_SECRET = 16


@dataclass(frozen=True, slots=True)
class Rules:
    """What is kept; everything else goes as the basic profile says.

    Attributes:
        secret: at least 16 bytes; the same secret gives the same pseudonyms.
        dates: "remove"; "shift" by a number of days that is one patient's own (PS3.15 E.3.6,
            modified dates); "keep". Dates of birth always go.
        keep_uids: leave UIDs as they are (E.3.9).
        keep_patient: age (90 years where it is more), sex, size, weight and the like (E.3.7).
        keep_device: names and numbers of the machine (E.3.8).
        keep_institution: its name and address (E.3.11).
        keep_descriptions: words of descriptions that stand in a list of harmless ones (E.3.5).
        keep_private: private elements, as (creator, group, last byte of the element): "safe" ones
            (E.3.10). Numbers and codes alone are kept.

    Raises:
        RunError: a short secret, or dates that are unknown.
    """

    secret: bytes = field(repr=False)
    dates: Dates = "remove"
    keep_uids: bool = False
    keep_patient: bool = False
    keep_device: bool = False
    keep_institution: bool = False
    keep_descriptions: bool = False
    keep_private: frozenset[tuple[str, int, int]] = frozenset()

    def __post_init__(self) -> None:
        if len(self.secret) < SHORTEST_SECRET:
            raise RunError(
                f"The secret has {len(self.secret)} bytes; at least {SHORTEST_SECRET} are needed, "
                "or pseudonyms could be guessed. `--new-secret` makes one."
            )
        if self.dates not in DATES:
            raise RunError(f"dates {self.dates!r} is unknown; give one of {', '.join(DATES)}.")

    def facts(self) -> dict[str, Any]:
        """The rules as JSON holds them, without the secret."""
        return {
            "dates": self.dates,
            "keep_uids": self.keep_uids,
            "keep_patient": self.keep_patient,
            "keep_device": self.keep_device,
            "keep_institution": self.keep_institution,
            "keep_descriptions": self.keep_descriptions,
            "keep_private": sorted(
                f"{creator}:{group:04X},{element:02X}"
                for creator, group, element in self.keep_private
            ),
        }


def read_secret(path: Path) -> bytes:
    """The secret in a file, without white space around it.

    Raises:
        RunError: no such file, or a secret that is too short.
    """
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise RunError(
            f"The secret {path} cannot be read ({error.strerror}); `--new-secret` makes one there."
        ) from None
    if len(secret) < SHORTEST_SECRET:
        raise RunError(
            f"The secret in {path} has {len(secret)} bytes; at least {SHORTEST_SECRET} are needed."
        )
    return secret


def make_secret(path: Path) -> bytes:
    """Write a new secret, which its owner alone may read.

    Raises:
        RunError: the file exists, or cannot be written.
    """
    secret = secrets.token_hex(32).encode("ascii")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise RunError(f"{path} exists; leave out --new-secret to use it.") from None
    except OSError as error:
        raise RunError(f"The secret {path} cannot be written ({error.strerror}).") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret + b"\n")
    return secret


def open_to_others(path: Path) -> bool:
    """Whether other users of the machine may read a file."""
    return os.name == "posix" and bool(path.stat().st_mode & 0o077)
