"""What a network said of pictures after chains of steps, kept on disk as it is found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hilum.errors import RunError
from hilum.transforms.rounds import Chain

Floats = NDArray[np.float32]
Found = tuple[str, str, Floats]
"""Key of a chain, digest of a picture's file, logits [findings]."""


def key(chain: Chain) -> str:
    """A chain as text: equal for equal chains alone."""
    return json.dumps([[step.do, *step.values] for step in chain], separators=(",", ":"))


class LookStore:
    """Logits by chain and picture, in one SQLite file; used by one thread.

    What was found stays when a run is stopped: the next one asks for the rest. A store belongs to
    one network as one runtime runs it; pictures are known by the digest of their bytes, never by
    name, so a file of the same name with another content is another picture.
    """

    def __init__(self, path: Path, network: str) -> None:
        """Open a store, or make one.

        Args:
            path: of the file.
            network: what looks, as :attr:`hilum.reading.rounds.measuring.seeing.Eye.network`
                says it.

        Raises:
            RunError: it is no store, belongs to another network, or cannot be written.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path)
            self._db.execute(
                "create table if not exists looks (chain text, image text, logits blob, "
                "primary key (chain, image)) without rowid"
            )
            self._db.execute("create table if not exists facts (bundle text)")
            row = self._db.execute("select bundle from facts").fetchone()
            if row is None:
                self._db.execute("insert into facts values (?)", (network,))
            self._db.commit()
        except (sqlite3.Error, OSError) as error:
            raise RunError(f"{path} cannot be used to keep what is found: {error}.") from error
        if row is not None and row[0] != network:
            self._db.close()
            raise RunError(
                f"{path} holds what another bundle, another version of this one, or another "
                f"runtime said, or was made when pictures were known by name alone; choose another "
                f"folder with -o, or delete the file."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Keep what was added, and let go of the file."""
        self._db.commit()
        self._db.close()

    def add(self, found: Iterable[Found]) -> None:
        """Keep what was found; on disk when this returns."""
        rows = [(chain, image, row.astype("<f4").tobytes()) for chain, image, row in found]
        try:
            self._db.executemany("insert or replace into looks values (?, ?, ?)", rows)
            self._db.commit()
        except sqlite3.Error as error:
            raise RunError(f"{self.path} cannot be written: {error}.") from error

    def images_with(self, chain: str) -> frozenset[str]:
        """Digests of pictures that were seen after a chain."""
        rows = self._db.execute("select image from looks where chain = ?", (chain,))
        return frozenset(digest for (digest,) in rows)

    def logits(self, chain: str, images: Sequence[str]) -> Floats:
        """Logits of pictures, by digest, after a chain: float32 [pictures, findings].

        Raises:
            RunError: some were not seen.
        """
        rows = self._db.execute("select image, logits from looks where chain = ?", (chain,))
        held = dict(rows)
        missing = [name for name in images if name not in held]
        if missing:
            raise RunError(f"{len(missing)} images were not seen after {chain}.")
        return np.array([np.frombuffer(held[name], "<f4") for name in images], np.float32)
