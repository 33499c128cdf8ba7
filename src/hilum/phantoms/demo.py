"""An example study: one drawn person, and the ways in which files go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cv2
import numpy as np

from hilum.phantoms.chest import draw_chest
from hilum.phantoms.lesions import Lesion
from hilum.phantoms.other import draw_hand, draw_lateral
from hilum.phantoms.phantom import Phantom


@dataclass(frozen=True, slots=True, eq=False)
class DemoFile:
    """One file of the example study, to be written as DICOM.

    Attributes:
        name: file name.
        about: what it shows, in words.
        phantom: the picture as a correct viewer would show it from a correct file.
        facts: what the file's header is to say: "modality", "body_part", "view", "photometric",
            "transfer_syntax", as ``hilum.imaging.write_dicom`` names them.
        keep: share of the file's bytes to keep; below 1 for a file that was cut short.
    """

    name: str
    about: str
    phantom: Phantom
    facts: Mapping[str, Any] = field(default_factory=dict)
    keep: float = 1.0


def demo_study(
    rng: np.random.Generator, *, size: tuple[int, int] = (1024, 1024)
) -> tuple[DemoFile, ...]:
    """Draw the example study.

    Args:
        rng: source of the drawn people.
        size: (rows, columns) of each picture.

    Returns:
        Eleven files: chests with and without findings, one with another grey convention, three
        that a reader should be warned of, a hand, a lateral view and one file cut short.
    """
    one, two, three, four, rest = (int(seed) for seed in rng.integers(2**62, size=5))

    def chest(seed: int, *lesions: Lesion, view: Literal["PA", "AP"] = "PA") -> Phantom:
        return draw_chest(np.random.default_rng(seed), size=size, view=view, lesions=lesions)

    normal = chest(one)
    chest_pa = {
        "modality": "DX",
        "body_part": "CHEST",
        "view": "PA",
        "age": "052Y",
        "transfer_syntax": "jpeg-ls",
    }
    chest_ap = chest_pa | {"modality": "CR", "view": "AP", "transfer_syntax": "jpeg-lossless"}
    other_grey = chest_pa | {"photometric": "MONOCHROME1"}
    lateral = draw_lateral(np.random.default_rng(rest), size=size)
    hand = draw_hand(np.random.default_rng(rest), size=size)
    return (
        DemoFile("01-normal.dcm", "A chest without findings.", normal, chest_pa),
        DemoFile(
            "02-effusion.dcm",
            "Fluid at the base of the right lung.",
            chest(two, Lesion("effusion", "right", 0.55)),
            chest_pa,
        ),
        DemoFile(
            "03-nodule.dcm",
            "A nodule in the left lung.",
            chest(three, Lesion("nodule", "left", 0.9)),
            chest_pa,
        ),
        DemoFile(
            "04-large-heart-ap.dcm",
            "A large heart, taken from the front in bed.",
            chest(four, Lesion("cardiomegaly", extent=0.7), view="AP"),
            chest_ap,
        ),
        DemoFile(
            "05-monochrome1.dcm",
            "The first chest, stored as MONOCHROME1: must read like the first.",
            normal,
            other_grey,
        ),
        DemoFile(
            "06-inverted.dcm",
            "The first chest with black and white swapped, which its header does not tell.",
            _with_pixels(normal, np.float32(1.0) - normal.pixels),
            chest_pa,
        ),
        DemoFile(
            "07-rotated.dcm", "The first chest, lying on its side.", _turned(normal), chest_pa
        ),
        DemoFile("08-blurred.dcm", "The first chest, out of focus.", _blurred(normal), chest_pa),
        DemoFile(
            "09-hand.dcm",
            "A hand: no chest.",
            hand,
            chest_pa | {"body_part": "HAND"},
        ),
        DemoFile(
            "10-lateral.dcm",
            "A chest from the side.",
            lateral,
            chest_pa | {"view": "LL"},
        ),
        DemoFile("11-cut-short.dcm", "A file that lost its end.", normal, chest_pa, keep=0.6),
    )


def _with_pixels(phantom: Phantom, pixels: np.ndarray) -> Phantom:
    return replace(phantom, pixels=np.ascontiguousarray(pixels, np.float32))


def _turned(phantom: Phantom) -> Phantom:
    masks = {name: np.rot90(mask).copy() for name, mask in phantom.masks.items()}
    pixels = np.ascontiguousarray(np.rot90(phantom.pixels))
    return replace(phantom, pixels=pixels, masks=masks)


def _blurred(phantom: Phantom) -> Phantom:
    sigma = 5.0 / phantom.spacing_mm  # wider than a rib's cortex, narrower than a rib's gap
    return _with_pixels(phantom, cv2.GaussianBlur(phantom.pixels, (0, 0), sigma))
