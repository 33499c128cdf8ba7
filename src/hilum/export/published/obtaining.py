"""The file of a published network: fetched or given, and never used before its digest is right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hilum.bundles.published import PublishedNetwork
from hilum.datasets.fetch import Settings, Step, Wanted, checksum, fetch
from hilum.errors import BundleError, DigestMismatch, FetchError

LARGEST = 1 << 30
"""Bytes of a file whose size is not known; the largest that is known has a tenth of that."""
PATIENCE = Settings(retries=3)
"""One small file, and somebody waits for it."""
KNOWN, ACCEPTED = "known to Hilum", "accepted by who pulled it; no digest of it was known to Hilum"
OTHER = "accepted by who pulled it, in place of the one that is known to Hilum"
"""How a digest came to be believed, for the card."""


@dataclass(frozen=True, slots=True)
class Obtained:
    """A file whose digest is the expected one.

    Attributes:
        data: its bytes.
        name: its name.
        sha256: its digest.
        believed: why the digest is believed, in words.
        fetched: where the download lies; None where a file was given.
    """

    data: bytes
    name: str
    sha256: str
    believed: str
    fetched: Path | None


def obtain(
    network: PublishedNetwork,
    folder: Path,
    *,
    file: Path | None = None,
    accepted: str = "",
    settings: Settings | None = None,
    watch: Callable[[Step], None] = lambda _step: None,
) -> Obtained:
    """The file of a network.

    Args:
        network: which.
        folder: for a download; what an earlier run began there is gone on with.
        file: a copy that is here already; None to fetch.
        accepted: SHA-256 that the user takes for the right one; "" for the one that is known.
        settings: of fetching.
        watch: told how far a download is.

    Raises:
        FetchError: it cannot be fetched, is larger than it may be, or comes with another digest.
        DigestMismatch: the file that is here has another digest.
        BundleError: no digest is known and none was accepted (the message names the file's), or
            the file that was given cannot be read.
    """
    if accepted:
        accepted = checksum(f"sha256:{accepted.removeprefix('sha256:')}").digest
    expected = accepted or network.sha256 or ""
    if file is None:
        place = folder / network.file
        if not (expected and place.is_file() and _digest(_read(place)) == expected):
            place = _fetch(network, folder, expected, settings, watch)
    else:
        place = file
    data = _read(place)
    found = _digest(data)
    if not expected:
        raise BundleError(_unknown(network, place, data, found))
    if found != expected:
        raise DigestMismatch(
            f"{place} has SHA-256 {found}, expected was {expected} ({_of(network, accepted)}). It "
            "is another file, or a damaged one; nothing in it was read. Where you know why it "
            f"differs, and trust it: --accept-digest {found}"
        )
    believed = KNOWN if found == network.sha256 else OTHER if network.sha256 else ACCEPTED
    return Obtained(data, place.name, found, believed, None if file else place)


def _fetch(
    network: PublishedNetwork,
    folder: Path,
    expected: str,
    settings: Settings | None,
    watch: Callable[[Step], None],
) -> Path:
    most = network.bytes if network.bytes and expected == network.sha256 else LARGEST
    beyond: list[str] = []

    def limited(step: Step) -> None:
        if max(step.done, step.size or 0) > most:
            beyond.append(step.name)
            raise FetchError(
                f"{network.file} is larger than {most:,} bytes on the server: it is not the file "
                "that the catalogue means. Nothing of it is used."
            )
        watch(step)

    wanted = Wanted(network.url, checksum(f"sha256:{expected}") if expected else None)
    try:
        (found,) = fetch([wanted], folder, settings=settings or PATIENCE, watch=limited)
        if found.error is not None:
            raise found.error
    except FetchError as error:
        for name in beyond:
            (folder / f"{name}.part").unlink(missing_ok=True)
            (folder / f"{name}.part.json").unlink(missing_ok=True)
        if beyond:
            raise
        raise FetchError(
            f"{error} Where this machine reaches no network, fetch that file elsewhere and name it "
            "with --from FILE."
        ) from error
    assert found.path is not None
    return found.path


def _read(place: Path) -> bytes:
    try:
        size = place.stat().st_size
        if size > LARGEST:
            raise BundleError(f"{place} has {size:,} bytes, at most {LARGEST:,} are read.")
        return place.read_bytes()
    except OSError as error:
        raise BundleError(f"{place} cannot be read: {error.strerror}.") from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _of(network: PublishedNetwork, accepted: str) -> str:
    return "the one that was accepted" if accepted else network.digest_from


def _unknown(network: PublishedNetwork, place: Path, data: bytes, found: str) -> str:
    return (
        f"{network.publisher} states no digest of {network.file}, and none is known to Hilum, so "
        f"that nobody can say whether this is the file that was published. {place} has "
        f"{len(data):,} bytes and SHA-256 {found}. Nothing in it was read. Compare that with what "
        "somebody you trust has, or fetch it once more over another network; if you take it for "
        f"the right one, run the same command with --accept-digest {found}"
    )
