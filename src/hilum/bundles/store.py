"""Finding, loading, verifying and saving bundles."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from hilum.bundles import files as _files
from hilum.bundles.card import Card
from hilum.bundles.published import networks
from hilum.domain import finding
from hilum.errors import BundleError, DigestMismatch, InvalidCard, UnknownBundle, UnknownName
from hilum.registry import unknown

SHIPPED = Path(__file__).with_name("shipped")
"""Where the bundles lie that come with the package."""

OWN = Path("~", ".hilum", "bundles")
"""Where a user's own bundles lie that are read by their name; ``$HILUM_BUNDLES`` is another."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose files were verified against its card.

    Attributes:
        card: what the network reads, how to feed it, what it may be trusted with.
        digest: SHA-256 of ``card.json``; since the card holds the digests of all other files, it
            names the whole bundle.
        location: the folder or the ``.hilum`` file.
    """

    card: Card
    digest: str
    location: Path

    def __str__(self) -> str:
        return f"{self.card.name} {self.card.version}"

    def read_bytes(self, file: str) -> bytes:
        """The bytes of one file, verified again, so that nothing can change after loading.

        Raises:
            BundleError: the card names no such file.
            DigestMismatch: the file has changed since the bundle was loaded.
        """
        if file not in self.card.files:
            raise BundleError(unknown(f"file of bundle {self}", file, self.card.files))
        data = _files.read(self.location, file)
        if _sha256(data) != self.card.files[file]:
            raise DigestMismatch(f"{self.location}: {file!r} differs from the digest on the card")
        return data


def available() -> tuple[str, ...]:
    """Names of the bundles that come with the package."""
    if not SHIPPED.is_dir():
        return ()
    return tuple(sorted(p.name for p in SHIPPED.iterdir() if (p / _files.CARD).is_file()))


def own_folder() -> Path:
    """Where bundles are looked for by their name, beside those that come with the package.

    Raises:
        BundleError: the user has no home, and ``$HILUM_BUNDLES`` names no folder.
    """
    if named := os.environ.get("HILUM_BUNDLES"):
        return Path(named).expanduser().absolute()
    try:
        return OWN.expanduser()
    except RuntimeError as error:
        raise BundleError(
            "This user has no home folder for bundles; set HILUM_BUNDLES to a folder."
        ) from error


def own() -> tuple[str, ...]:
    """Names of the bundles in the user's folder; one of the package's names is not among them."""
    try:
        inside = [p.name for p in own_folder().iterdir() if (p / _files.CARD).is_file()]
    except (BundleError, OSError):  # no home, no folder yet, or one that is closed
        return ()
    return tuple(sorted(n for n in inside if not n.startswith(".") and n not in available()))


def load(name_or_path: str | Path) -> Bundle:
    """Load a bundle and verify every file of it.

    Args:
        name_or_path: the name of a bundle that comes with the package (``"chest14"``) or lies in
            the user's folder, or else a folder or a ``.hilum`` file. To mean a folder of the same
            name, write ``./chest14``.

    Returns:
        The bundle; the graph is not loaded yet, and nothing is unpickled.

    Raises:
        UnknownBundle: neither a known name nor a path; the message lists near matches.
        InvalidCard: the card lacks something; the message lists every fault.
        DigestMismatch: a file is changed, missing or superfluous.
        BundleError: the path is no bundle.
    """
    location = _locate(name_or_path)
    data = _card_bytes(location)
    card = parse(data, where=str(location / _files.CARD))
    faults = _file_faults(location, card)
    if faults:
        raise DigestMismatch(
            f"{location}: {'; '.join(faults)}. The bundle is damaged or was changed; "
            f"get it again, or make it anew with `hilum bundles make`."
        )
    return Bundle(card, _sha256(data), location)


def verify(name_or_path: str | Path) -> list[str]:
    """Everything that is wrong with a bundle; an empty list when it is sound.

    Raises:
        UnknownBundle: neither a known name nor a path.
    """
    location = _locate(name_or_path)
    try:
        card = parse(_card_bytes(location), where=_files.CARD)
        return _file_faults(location, card)
    except BundleError as error:
        return [str(error)]


def save(card: Card, files: Mapping[str, bytes], out: Path) -> Bundle:
    """Write a bundle, whole or not at all.

    Args:
        card: the card; its digests are computed here.
        files: every other file by name.
        out: a folder, or a path that ends in ``.hilum`` for a single file.

    Returns:
        The bundle, loaded from where it was written.

    Raises:
        BundleError: ``out`` exists, or a file cannot be part of a bundle.
        InvalidCard: the card names a file that is not there.
    """
    for name in files:
        if name == _files.CARD or "/" in name or "\\" in name or name.startswith("."):
            raise BundleError(f"a bundle cannot hold a file named {name!r}")
    digests = {name: _sha256(files[name]) for name in sorted(files)}
    data = (card.model_copy(update={"files": digests})).model_dump_json(by_alias=True, indent=1)
    written = parse(data.encode(), where="the card")
    missing = sorted({written.graph.file, written.gate or written.graph.file} - set(files))
    if missing:
        raise InvalidCard(f"the card of {card.name} names {', '.join(missing)}, which is not there")
    _files.write({**files, _files.CARD: data.encode()}, out)
    return load(out.absolute())


def recarded(bundle: Bundle, card: Card) -> Bundle:
    """Write another card onto a bundle, where it lies; its other files stay.

    Args:
        bundle: every file of it is verified once more.
        card: for the same files.

    Returns:
        The bundle, loaded again.

    Raises:
        BundleError: it cannot be written there, or a file has changed since it was loaded.
        InvalidCard: the card is none.
    """
    files = {name: bundle.read_bytes(name) for name in bundle.card.files}
    same = card.model_copy(update={"files": bundle.card.files})
    data = same.model_dump_json(by_alias=True, indent=1).encode()
    parse(data, where="the card")
    _files.replace_card(bundle.location, data, files)
    return load(bundle.location)


def parse(data: bytes, *, where: str) -> Card:
    """Read a card.

    Args:
        data: ``card.json``.
        where: what to call it in messages.

    Raises:
        InvalidCard: the message lists every fault.
    """
    try:
        card = Card.model_validate_json(data)
    except ValidationError as error:
        raise InvalidCard(card_faults(error, where)) from error
    return with_known_findings(card, where=where)


def with_known_findings(card: Card, *, where: str) -> Card:
    """The same card, after a check that the vocabulary holds its findings.

    Raises:
        InvalidCard: it holds a key that the vocabulary lacks; the message lists near matches.
    """
    faults: list[str] = []
    for name, rows in (("findings", card.findings), ("boxes", card.boxes)):
        for at, row in enumerate(rows):
            try:
                finding(row.key)
            except UnknownName as error:
                faults.append(f"{name}.{at}.key: {error}")
    if faults:
        raise InvalidCard(_listed(where, faults))
    return card


def card_faults(error: ValidationError, where: str) -> str:
    """Every fault that pydantic found, one a line."""
    faults: list[str] = []
    for fault in error.errors(include_url=False):
        place = ".".join(str(part) for part in fault["loc"]) or "the card"
        got = "" if fault["type"] == "missing" else f", got {_short(fault['input'])}"
        faults.append(f"{place}: {fault['msg']}{got}")
    return _listed(where, faults)


def _listed(where: str, faults: list[str]) -> str:
    lines = "".join(f"\n  {fault}" for fault in faults)
    return f"{where}: {len(faults)} fault{'s' * (len(faults) > 1)} in the card:{lines}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _locate(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    known = available()
    if isinstance(name_or_path, str) and text in known:
        return SHIPPED / text
    if isinstance(name_or_path, str) and text in own():
        return own_folder() / text
    path = Path(name_or_path).expanduser()
    if path.exists():
        return path
    if text in networks():
        raise UnknownBundle(
            f"{text} is a published network and not here yet: `hilum bundles pull {text}` fetches "
            "it and makes a bundle of it."
        )
    names = (*known, *own(), *networks())
    hint = unknown("bundle", text, names) if known else f"Unknown bundle {text!r}."
    raise UnknownBundle(
        f"{hint} A bundle is a name from `hilum bundles list`, a folder with {_files.CARD}, or a "
        f"{_files.SUFFIX} file."
    )


def _card_bytes(location: Path) -> bytes:
    if _files.CARD not in _files.names(location):
        raise BundleError(f"{location} is no bundle: it holds no {_files.CARD}")
    return _files.read(location, _files.CARD)


def _file_faults(location: Path, card: Card) -> list[str]:
    present = set(_files.names(location)) - {_files.CARD}
    faults = [f"{name!r} is missing" for name in sorted(set(card.files) - present)]
    faults += [f"{name!r} is not on the card" for name in sorted(present - set(card.files))]
    needed = {card.graph.file} | ({card.gate} if card.gate else set())
    faults += [f"the card states no digest of {n!r}" for n in sorted(needed - set(card.files))]
    for name in sorted(present & set(card.files)):
        if _sha256(_files.read(location, name)) != card.files[name]:
            faults.append(f"{name!r} differs from the digest on the card")
    return faults


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
