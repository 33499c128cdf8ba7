"""What the questions of S2 put into its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hilum.domain import finding
from hilum.studies.questions import Numbers, Shown, Table
from hilum.studies.s2.long_tail import ARMS, HEAD, HIDDEN, TAIL

PUBLISHED = 0.294
"""Balanced accuracy on NIH-CXR-LT (Holste et al. 2022): other images, many more of them."""


def failures(numbers: Numbers) -> Shown:
    """The trap, then each failure with its numbers, what the watch said, and the losses."""
    trap, theirs = numbers["trap"], numbers["theirs"]
    first = Table(
        ("", "S2's 800", f"800 of its {theirs['counts']:,}, expected", "ours"),
        (
            ("images without any of the classes", "525", f"{theirs['zero']:.0f}",
             f"{trap['zero']} of {trap['images']}"),
            ("classes without an example", "2 of 19", f"{theirs['without']:.1f} of 19",
             f"{trap['without']} of {trap['classes']}"),
        ),
        "The trap: *No finding* dropped, nineteen classes left. What the labels alone tell:",
    )  # fmt: skip
    second = Table(
        ("told before training", "in words"),
        tuple((f"`{one['code']}`", one["message"]) for one in trap["said"]),
    )
    rows = tuple(_failure(one) for one in numbers["failures"])
    third = Table(
        ("network", "S2 saw", "accuracy", "commonest answer", "balanced accuracy",
         "classes said", "log-odds spread", "dead units, at most", "the watch"),
        rows,
        f"Small networks on features of the same frozen backbone, {numbers['epochs']} epochs, "
        "the last epoch's answers on the tuning images:",
    )  # fmt: skip
    words = [
        f"**{one['title']}.** " + " ".join(
            f"Epoch {told['epoch']}, `{told['code']}`: {told['message']}"
            for told in one["watch"] if not told["ended"]
        )
        for one in numbers["failures"]
    ]  # fmt: skip
    return Shown(
        tables=(first, second, third),
        figures={"losses": lambda: _losses(numbers["failures"])},
        words=tuple(words),
    )


def _failure(one: Mapping[str, Any]) -> tuple[str, ...]:
    codes = []
    for told in one["watch"]:
        said = f"`{told['code']}` (epoch {told['epoch']})"
        codes.append(f"over: {said}" if told["ended"] else said)
    spread = one["spread"]
    return (
        f"{one['title']}; {one['train']} + {one['tune']} images",
        one["theirs"] or "–",
        f"{one['accuracy']:.3f}",
        f"{one['majority']:.3f}",
        f"{one['balanced_accuracy']:.3f}",
        f"{one['said_classes']} of {one['classes']}",
        f"{spread:.2f}" if spread >= 0.005 else f"{spread:.0e}",
        f"{one['dead']:.0%}",
        ", ".join(codes) or "nothing",
    )


def _losses(found: Sequence[Mapping[str, Any]]) -> Any:
    from hilum.report.style import BLUE, GREY, ORANGE, panels

    figure, axes = panels(len(found), 2.5, left=0.55, between=0.42)
    for ax, one in zip(axes, found, strict=True):
        for key, colour, style in (("train", BLUE, "-"), ("tune", ORANGE, "--")):
            values = [line[key] for line in one["losses"]]
            ax.plot(range(1, len(values) + 1), values, style, color=colour, label=key)
        ax.axhline(one["chance"], color=GREY, linewidth=0.9, linestyle=":", label="chance")
        ax.set(title=one["name"], xlabel="epoch")
        ax.set_ylim(bottom=0)
        ax.tick_params(labelsize=7)
    axes[0].set_ylabel("loss")
    axes[-1].legend()
    return figure


def long_tail(numbers: Numbers) -> Shown:
    """Every arm, against cross-entropy."""
    arms, groups = numbers["arms"], {k: v for k, v in numbers["groups"].items() if v}
    whys = {arm.name: arm.why for arm in ARMS}
    rows = tuple(
        (
            f"`{name}`",
            whys[name],
            _told(one["balanced_accuracy"]),
            "" if name == "cross-entropy" else _told(one["difference"]["balanced_accuracy"], "+"),
            _told(one["macro_f1"]),
            f"{one['accuracy'][0]:.3f}",
            *(f"{one[group][0]:.3f}" for group in groups),
        )
        for name, one in arms.items()
    )
    left = ", ".join(f"{finding(k).name} ({n})" for k, n in numbers["left_out"].items())
    counts = ", ".join(f"{finding(k).name} {n:,}" for k, n in numbers["classes"].items())
    caption = (
        f"{numbers['images']:,} images of {numbers['patients']:,} patients, "
        f"{len(numbers['classes'])} classes, five folds by patient, {len(numbers['seeds'])} seeds "
        f"(means over them); 95 % intervals from {numbers['samples']:,} draws of patients, the "
        "differences paired. Chance is "
        f"{1 / len(numbers['classes']):.3f} balanced."
    )
    head = ("arm", "what", "balanced accuracy", "against cross-entropy", "macro F1", "accuracy",
            *(f"recall, {group}" for group in groups))  # fmt: skip
    cut = {"head": f"over {HEAD}", "middle": f"{TAIL} to {HEAD}", "tail": f"under {TAIL}"}
    sizes = "; ".join(
        f"{group} ({cut[group]} images): {', '.join(finding(k).name for k in keys)}"
        for group, keys in groups.items()
    )
    return Shown(
        tables=(Table(head, rows, caption),),
        figures={"balance": lambda: _balance(numbers)},
        words=(
            (
                f"Images of each class, rarest of its findings: {counts}. "
                f"{numbers['several']} images had several findings. Left out for want of images: "
                f"{left or 'none'}."
            ),
            f"Groups: {sizes}.",
            (
                f"Published on NIH-CXR-LT: balanced accuracy {PUBLISHED}, of other images, "
                "many more to learn from, and networks that learn wholly: not comparable."
            ),
            f"Arms `hidden` and `two-stages` have a layer of {HIDDEN} units before the last.",
        ),
    )


def _told(values: Sequence[float], sign: str = "") -> str:
    value, low, high = values
    return f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _balance(numbers: Numbers) -> Any:
    from hilum.report.style import BLUE, GREY, RED, SMALL, room_for, sheet

    names = [name for name in numbers["arms"] if name != "cross-entropy"]
    figure, ax = sheet(0.7 + 0.24 * len(names), left=room_for(names) + 0.1, right=0.3, top=0.15)
    for at, name in enumerate(names):
        value, low, high = numbers["arms"][name]["difference"]["balanced_accuracy"]
        colour = BLUE if low > 0 else RED if high < 0 else GREY
        ax.hlines(at, low, high, color=colour, linewidth=1.4)
        ax.plot([value], [at], "o", color=colour, markersize=5)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.set_yticks(np.arange(len(names)), names, fontsize=SMALL + 1)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xlabel("difference in balanced accuracy to cross-entropy, 95 %")
    ax.grid(axis="x")
    return figure
