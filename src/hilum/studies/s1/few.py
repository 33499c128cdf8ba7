"""How good fourteen findings become with a tenth, a quarter, half and all of the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.evaluation import compare
from hilum.studies.cells import three, told
from hilum.studies.linear_head import Way
from hilum.studies.questions import Numbers, Shown, Table
from hilum.studies.running import Bench
from hilum.studies.s1.rows import (
    SAMPLES,
    Fourteen,
    load_fourteen,
    out_of_fold,
    reference,
    within_road,
)

SHARES = (0.1, 0.25, 0.5, 1.0)
HEAD = Way(rate=1e-3)
LEARNERS: Mapping[str, Way | None] = {"logistic regression": None, "trained head": HEAD}
THEIRS = {"VGG16": 0.60266, "DenseNet121, first": 0.76, "DenseNet121, at last": 0.79635}
"""S1's scores on its public test, of 10,002 labelled images."""


def measure(bench: Bench, seeds: Sequence[int]) -> Numbers:
    """Both learners with each share of the patients' labels, every seed another draw of patients.

    Raises:
        Stopped: it was asked to; the same call goes on.
        LabelError: the data are not what the study needs.
    """
    data = load_fourteen(bench)
    kept = {
        (name, share): [_scores(name, share, seed, data, bench) for seed in seeds]
        for name in LEARNERS
        for share in SHARES
    }
    rows = []
    for (name, share), scores in kept.items():
        numbers = [int(among(data, share, seed).sum()) for seed in seeds]
        apart = compare(
            reference(data, len(seeds)), np.concatenate(scores, 1),
            np.concatenate(kept[name, 1.0], 1), rng=np.random.default_rng(0), samples=SAMPLES,
            metric="auroc within strata",
        ).mean.difference  # fmt: skip
        rows.append(
            {
                "learner": name,
                "share": share,
                "images": numbers,
                "auroc": three(within_road(data, scores)),
                "of_seeds": [within_road(data, [one]).value for one in scores],
                "against_all": three(apart),
            }
        )
    return {
        "images": len(data.rows),
        "patients": len(np.unique(data.patients.astype(str))),
        "seeds": list(seeds),
        "samples": SAMPLES,
        "rows": rows,
    }


def among(data: Fourteen, share: float, seed: int) -> NDArray[np.bool_]:
    """Images whose labels are known: of a share of the patients, smaller shares inside larger."""
    names = np.unique(data.patients.astype(str))
    order = np.random.default_rng(seed).permutation(names)
    return np.isin(data.patients.astype(str), order[: round(share * len(names))])


def _scores(
    name: str, share: float, seed: int, data: Fourteen, bench: Bench
) -> NDArray[np.float32]:
    way = LEARNERS[name]
    if way is None and share == 1:
        seed = 0  # nothing of chance in it
    file = bench.out / f"{name.replace(' ', '-')}-{share:g}-{seed}.npy"
    if not file.exists():
        known = among(data, share, seed)
        found = out_of_fold(data, bench, head=way, among=known, seed=seed)
        partial = file.with_name(f"partial-{file.name}")
        np.save(partial, found)
        partial.replace(file)
    return np.load(file)


def show(numbers: Numbers) -> Shown:
    """The learning curve."""
    rows = tuple(
        (
            one["learner"],
            f"{one['share']:.0%}",
            f"{np.mean(one['images']):,.0f}",
            told(one["auroc"]),
            f"{min(one['of_seeds']):.3f} to {max(one['of_seeds']):.3f}",
            "" if one["share"] == 1 else told(one["against_all"], sign=True),
        )
        for one in numbers["rows"]
    )
    caption = (
        f"AUROC within road, mean of 14 findings, out of fold on {numbers['images']:,} images of "
        f"{numbers['patients']:,} patients; {len(numbers['seeds'])} draws of the patients whose "
        f"labels are known; 95 % intervals, {numbers['samples']:,} draws of patients."
    )
    theirs = ", ".join(f"{name} {value:g}" for name, value in THEIRS.items())
    head = ("learner", "labels", "images", "AUROC", "draws, from … to", "against all labels")
    return Shown(
        tables=(Table(head, rows, caption),),
        figures={"curve": lambda: _draw(numbers)},
        words=(
            (
                f"S1's public test scores from its 10,002 labelled images: {theirs}. They are of "
                "other images, more of them, and plain, and cannot be compared with these."
            ),
        ),
    )


def _draw(numbers: Numbers) -> Any:
    from hilum.report.style import BLUE, ORANGE, sheet

    figure, ax = sheet(3.0, left=0.8, right=0.3, top=0.2)
    shown = zip(LEARNERS, (BLUE, ORANGE), ("o", "s"), (0.985, 1.015), strict=True)
    for name, colour, mark, aside in shown:
        rows = [one for one in numbers["rows"] if one["learner"] == name]
        at = np.array([np.mean(one["images"]) for one in rows]) * aside
        value, low, high = np.array([one["auroc"] for one in rows], float).T
        ax.plot(at, value, f"-{mark}", color=colour, markersize=5, label=name)
        ax.vlines(at, low, high, color=colour, linewidth=1.2)
    ax.set_xscale("log")
    ticks = sorted({round(float(np.mean(one["images"]))) for one in numbers["rows"]})
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
    ax.minorticks_off()
    ax.set(xlabel="images with labels, folds held out included",
           ylabel="AUROC within road, mean of 14")  # fmt: skip
    ax.grid(axis="y")
    ax.legend(loc="lower right")
    return figure
