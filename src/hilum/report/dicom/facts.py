"""Who read a radiograph, with what, and when: what a reading's record does not say."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from hilum.errors import ResultError

_DIGEST = re.compile(r"[0-9a-f]{8,128}")
_WIDEST_OFFSET_MIN = 14 * 60


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """What stands in every object made of one reading; kept with it, so that a second is the same.

    Attributes:
        bundle: "name version" of the bundle that read, or of the chain of bundles.
        bundle_digest: SHA-256 of its card, lower-case hexadecimal.
        hilum: version of Hilum.
        made_at: when it was read, in seconds since 1970-01-01 UTC. All dates and times of the
            objects come from it.
        reading_key: tells readings of one radiograph with one bundle apart (other options, or
            another time); part of the UIDs. "" where there is one.
        title: shown as Series Description in front of the kind; "" for none.
        device: name of the installation; the observer's UID and serial number come from it.
        utc_offset_min: minutes that local time is ahead of UTC, for a radiograph whose header
            does not say its own.

    Raises:
        ResultError: a value cannot be used.
    """

    bundle: str
    bundle_digest: str
    hilum: str
    made_at: float
    reading_key: str = ""
    title: str = ""
    device: str = "hilum"
    utc_offset_min: int = 0

    def __post_init__(self) -> None:
        if not (self.bundle.strip() and self.hilum.strip() and self.device.strip()):
            raise ResultError("bundle, hilum and device of the facts of a result need a text.")
        if not _DIGEST.fullmatch(self.bundle_digest):
            raise ResultError(
                "bundle_digest of the facts of a result is no digest: expected 8 to 128 "
                "lower-case hexadecimal digits, as on the bundle's card."
            )
        if not (math.isfinite(self.made_at) and 0 <= self.made_at < 253_370_000_000):
            raise ResultError("made_at of the facts of a result is no time since 1970.")
        if abs(self.utc_offset_min) > _WIDEST_OFFSET_MIN:
            raise ResultError("utc_offset_min of the facts of a result is over 14 hours.")

    @property
    def bundle_name(self) -> str:
        """The name without the version."""
        name, _, version = self.bundle.rpartition(" ")
        return name or version

    @property
    def bundle_version(self) -> str:
        """The version; the first digits of the digest where none is told."""
        name, _, version = self.bundle.rpartition(" ")
        return version if name else self.bundle_digest[:12]
