"""One network a finding against one for all, Seed & Proportional, crops: from the study levers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from hilum.errors import RunError
from hilum.studies.cells import told
from hilum.studies.questions import Numbers, Shown, Table
from hilum.studies.running import Bench

FILE = "levers.json"
ARMS = {
    "one-network-a-finding": "fourteen networks: no gain, 14 × the time",
    "seed-and-proportional": "kept rare findings from being learnt by heart in epoch 1",
    "seed-and-proportional-long": "",
    "adam-1e-3": "VGG16: score .60266",
    "adam-1e-4": "DenseNet121, at last: score .79635",
    "crop-100x134": "batch 120",
    "crop-300x400": "batch 12",
    "s1-augmentation": "used throughout",
}
"""Arms of the levers → what S1 said of it."""
ALL = "base"


def measure(bench: Bench, _seeds: Sequence[int]) -> Numbers:
    """Take the numbers from what the study levers has written; nothing is measured again.

    Raises:
        RunError: that study has not been run.
    """
    place = found_levers(bench.out)
    told_of = json.loads(place.read_text(encoding="utf-8"))
    arms = {one["arm"]: one for one in told_of["arms"]}
    lacking = [name for name in (*ARMS, ALL) if name not in arms]
    if lacking:
        raise RunError(f"{place.name} lacks the arms {', '.join(lacking)}: run them first.")
    kept = ("auroc", "auroc_low", "auroc_high", "difference", "difference_low",
            "difference_high", "against", "verdict", "survives_holm", "seconds")  # fmt: skip
    return {
        "from": FILE,
        "images": told_of["images"],
        "patients": told_of["patients"],
        "seeds": len(arms[ALL]["auroc_of_seeds"]),
        "base": {key: arms[ALL][key] for key in kept},
        "arms": {name: {key: arms[name][key] for key in kept} for name in ARMS},
    }


def found_levers(out: Path) -> Path:
    """Where the study levers wrote: beside this study's folder, or in the documentation.

    Raises:
        RunError: nowhere.
    """
    for folder in (out.parent.parent / "levers", Path("docs") / "studies"):
        if (folder / FILE).is_file():
            return folder / FILE
    raise RunError(
        f"{FILE} lies neither in {out.parent.parent / 'levers'} nor in docs/studies: run "
        "`hilum study run levers` first, or run this one from the repository."
    )


def show(numbers: Numbers) -> Shown:
    """The arms beside what S1 said."""
    rows = tuple(
        (
            f"`{name}`",
            ARMS[name],
            told([one["auroc"], one["auroc_low"], one["auroc_high"]]),
            f"`{one['against']}`",
            told([one["difference"], one["difference_low"], one["difference_high"]], sign=True),
            one["verdict"] + (" †" if one["survives_holm"] else ""),
        )
        for name, one in numbers["arms"].items()
    )
    alone = numbers["arms"]["one-network-a-finding"]
    ratio = alone["seconds"] / numbers["base"]["seconds"]
    caption = (
        f"AUROC within road, mean of 14 findings, {numbers['images']:,} images of "
        f"{numbers['patients']:,} patients, {numbers['seeds']} seeds, frozen backbone; from "
        "[levers](levers.md), where nothing was measured again. † is left by Holm's correction "
        "over all its comparisons."
    )
    head = ("arm", "S1", "AUROC", "against", "difference (95 %)", "")
    return Shown(
        tables=(Table(head, rows, caption),),
        words=(f"One network a finding took {ratio:.0f} times as long as one for all (S1: 14).",),
    )
