"""Small pictures of the surest right and the surest wrong decisions.

They lie in a folder of the run, beside the page and never in it: a page that is sent on takes no
radiograph along.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hilum.datasets.pack import Pack, is_pack
from hilum.errors import PackError, RunError
from hilum.report.run.folder import Run
from hilum.report.run.judged import Shown

FOLDER = "run-pictures"
LONG_SIDE_PX = 224
QUALITY = 85


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A radiograph on the page.

    Attributes:
        file: of the small picture, relative to the run's folder.
        image: what the label table calls it.
        probability: calibrated.
    """

    file: str
    image: str
    probability: float


Shelf = dict[str, dict[str, list[Thumbnail]]]
"""Finding → kind of decision → pictures."""


def write_pictures(
    run: Run, shown: Mapping[str, Mapping[str, list[Shown]]], pack: Path | None
) -> Shelf:
    """Write the pictures that the page shows, and take away those of an earlier page.

    Args:
        run: what is missing is added to its list.
        shown: from :func:`hilum.report.run.judged.to_look_at`; empty for no pictures.
        pack: the radiographs; None for those in the run's folder.

    Returns:
        The pictures; empty where the radiographs are not there.

    Raises:
        RunError: the disk refuses.
    """
    place = pack or run.path / "images"
    out = run.path / FOLDER
    if shown and not is_pack(place):
        run.missing.append(f"No pictures: the run's folder holds no radiographs in {place.name}/.")
        shown = {}
    shelf: Shelf = {}
    try:
        pictures = Pack.open(place) if shown else None
        for key, kinds in shown.items():
            shelf[key] = {
                kind: [
                    _thumbnail(run, pictures, one, f"{key}-{kind}-{at}.jpg")
                    for at, one in enumerate(rows, 1)
                ]
                for kind, rows in kinds.items()
            }
        kept = {one.file for kinds in shelf.values() for rows in kinds.values() for one in rows}
        for earlier in out.glob("*.jpg"):
            if f"{FOLDER}/{earlier.name}" not in kept:
                earlier.unlink()
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()
    except PackError:
        run.missing.append(
            f"No pictures: the radiographs in {place.name}/ are damaged, or lack some of this run."
        )
        return {}
    except OSError as error:
        raise RunError(f"{FOLDER} in the run's folder: {error.strerror}.") from error
    return shelf


def _thumbnail(run: Run, pack: Pack | None, one: Shown, name: str) -> Thumbnail:
    assert run.held is not None
    assert pack is not None
    image = run.held.images[one.row]
    at = int(pack.rows_of([image])[0])
    grey = np.asarray(pack[at])
    high, wide = grey.shape
    if pack.spec.fit == "squash":  # shown in the proportions that it had
        high, wide = int(pack.index["source_height"][at]), int(pack.index["source_width"][at])
    factor = LONG_SIDE_PX / max(high, wide)
    size = (max(1, round(wide * factor)), max(1, round(high * factor)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise ValueError(f"OpenCV could not encode a picture of {size} as JPEG")
    path = run.path / FOLDER / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(bytes(data))
    return Thumbnail(f"{FOLDER}/{name}", image, one.probability)
