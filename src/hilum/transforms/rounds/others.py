"""Other sets of rounds: flips, shifts, crops, grey levels."""

from __future__ import annotations

from hilum.transforms.rounds.sets import Round, RoundSet
from hilum.transforms.rounds.steps import Step

SHARE = 0.875
"""Of the crops: 224 of 256 pixels, as networks for ImageNet are read."""

_FLIP = Step.of("flip-left-right")
_PLACES = {
    "middle": (0.5, 0.5),
    "top left": (0.0, 0.0),
    "top right": (1.0, 0.0),
    "bottom left": (0.0, 1.0),
    "bottom right": (1.0, 1.0),
}
"""Of a crop: (across, down)."""


def crops(share: float, *, flipped: bool, name: str) -> RoundSet:
    """The middle and the four corners, and each of them mirrored.

    Args:
        share: side of the window, as a share of the picture's side.
        flipped: ten crops instead of five.
        name: of the set.

    Source:
        Krizhevsky, Sutskever and Hinton 2012, ImageNet Classification with Deep Convolutional
        Neural Networks, § 4.1.
    """
    rounds: list[Round] = []
    for mirrored in (False, True)[: 1 + flipped]:
        for place, (across, down) in _PLACES.items():
            crop = Step.of("crop", {"share": share, "across": across, "down": down})
            end = ", mirrored" if mirrored else ""
            rounds.append(Round(f"{place}{end}", (crop, _FLIP) if mirrored else (crop,)))
    said = "each as it is and mirrored" if flipped else "as they are"
    about = f"Windows of {share:g} of the side: the middle and four corners, {said}."
    return RoundSet(name, tuple(rounds), about=about)


def _shifted(across: float, down: float) -> tuple[Step]:
    return (Step.of("shift", {"across_share": across, "down_share": down}),)


PLAIN = RoundSet("plain", (Round("plain"),), about="One look at the radiograph as it is.")
FLIP = RoundSet(
    "flip",
    (Round("plain"), Round("mirrored", (_FLIP,))),
    about="As it is, and mirrored: the heart then lies on the right.",
)
SHIFTS = RoundSet(
    "shifts",
    (
        Round("plain"),
        Round("left", _shifted(-0.05, 0.0)),
        Round("right", _shifted(0.05, 0.0)),
        Round("up", _shifted(0.0, -0.05)),
        Round("down", _shifted(0.0, 0.05)),
    ),
    about="As it is, and moved by 5 % of the side four ways.",
)
FIVE_CROP = crops(SHARE, flipped=False, name="five-crop")
TEN_CROP = crops(SHARE, flipped=True, name="ten-crop")
LEVELS = RoundSet(
    "levels",
    (
        Round("plain"),
        Round("flatter", (Step.of("contrast", {"by": 0.85}),)),
        Round("steeper", (Step.of("contrast", {"by": 1.15}),)),
        Round("brighter", (Step.of("gamma", {"exponent": 0.8}),)),
        Round("darker", (Step.of("gamma", {"exponent": 1.25}),)),
        Round("clahe", (Step.of("clahe", {"clip_limit": 2.0, "tiles": 8}),)),
    ),
    about="As it is, and with other contrasts, gammas and CLAHE.",
)
