"""What a run's folder holds, read from its files alone: at the end, or while training goes on."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.bundles.card import Card, Result
from hilum.bundles.store import parse
from hilum.errors import RunError
from hilum.report.run.epochs import EPOCHS, read_epochs

FINAL = "final"
"""Folder of the network that ships."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One network of the run.

    Attributes:
        name: of its folder: "fold-0", "final".
        epochs: a line each.
        done: its training has ended.
        best: place of the epoch whose weights are kept; None while none is known to be.
    """

    name: str
    epochs: list[dict[str, Any]]
    done: bool
    best: int | None

    @property
    def seconds(self) -> float:
        """How long its epochs took, together."""
        return sum(line.get("seconds") or 0.0 for line in self.epochs)


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that the watch named.

    Attributes:
        network: where.
        code: which.
        told: epoch, from 1, and what was seen then: when it began, when it grew worse, when it was
            over.
        advice: what usually helps.
        over: the newest of these says that it is over.
    """

    network: str
    code: str
    told: tuple[tuple[int, str], ...]
    advice: str
    over: bool


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """What networks said of images of whose patients they saw nothing.

    Attributes:
        logits: float32 [images, findings].
        targets: float32 [images, findings].
        mask: bool [images, findings], which targets count.
        images: what the label table calls them.
    """

    logits: NDArray[np.float32]
    targets: NDArray[np.float32]
    mask: NDArray[np.bool_]
    images: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """A run's folder.

    Attributes:
        path: the folder.
        recipe: as it was resolved.
        environment: machines and versions, in the order of their work.
        data: images, patients and positives by part, digests and notes; empty where not written.
        networks: in the order of their training, those to come among them.
        card: of the bundle; None while there is none.
        froc: split → kind of box → curve; empty where the run draws no boxes, or is under way.
        held: out-of-fold predictions; None while there are none.
        missing: what could not be shown, and why.
    """

    path: Path
    recipe: Mapping[str, Any]
    environment: list[dict[str, Any]]
    data: Mapping[str, Any]
    networks: tuple[Trained, ...]
    card: Card | None
    held: OutOfFold | None
    missing: list[str] = field(default_factory=list)
    froc: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """Of the bundle that the run makes."""
        return str(self.recipe["bundle"]["name"])

    @property
    def epochs(self) -> int:
        """Epochs of one network, at most."""
        return int(self.recipe["fit"]["epochs"])

    def learnt_what_it_tuned_on(self, network: str) -> bool:
        """Whether a network learnt from the rows that its numbers are of."""
        return network == FINAL and self.recipe["fit"].get("best") == "last"

    @cached_property
    def findings(self) -> tuple[str, ...]:
        """Keys, as far as they are known."""
        if self.card is not None:
            return self.card.keys
        asked = (key for task in self.recipe.get("task") or () for key in task["findings"])
        said = tuple(asked) or tuple(self.recipe["data"].get("findings") or ())
        told = (
            key
            for network in self.networks
            for line in network.epochs
            for key in line.get("tune", {}).get("auroc", {})
            if key != "mean"
        )
        return said or tuple(dict.fromkeys(told))

    @cached_property
    def share_done(self) -> float:
        """How much of the training is done, in [0, 1]; networks that ended early count as whole."""
        whole = self.epochs * len(self.networks)
        done = sum(self.epochs if n.done else len(n.epochs) for n in self.networks)
        return min(1.0, done / whole) if whole else 0.0

    @cached_property
    def seconds_left(self) -> float | None:
        """Training time that is left at the pace of the epochs so far, were none to end early."""
        seen = [n for n in self.networks if n.epochs]
        count = sum(len(n.epochs) for n in seen)
        if not count:
            return None
        pace = sum(n.seconds for n in seen) / count
        return pace * sum(0 if n.done else self.epochs - len(n.epochs) for n in self.networks)

    @cached_property
    def concerns(self) -> tuple[Concern, ...]:
        """What the watch named, once a network and code; what is not over comes first.

        The watch gives advice with everything but the word that something is over.
        """
        found: list[Concern] = []
        for network in self.networks:
            by_code: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
            for line in network.epochs:
                for one in line.get("concerns") or ():
                    by_code.setdefault(one["code"], []).append((line["epoch"], one))
            for code, seen in by_code.items():
                advice = [one["advice"] for _, one in seen if one.get("advice")]
                found.append(
                    Concern(
                        network=network.name,
                        code=code,
                        told=tuple((epoch, one["message"]) for epoch, one in seen),
                        advice=advice[-1] if advice else "",
                        over=not seen[-1][1].get("advice"),
                    )
                )
        return tuple(sorted(found, key=lambda one: one.over))

    @cached_property
    def split(self) -> str:
        """Of the numbers to believe first: out of fold, or else test, or else what there is."""
        splits = dict.fromkeys(r.split for r in self.card.results) if self.card else {}
        of_auroc = [s for s in splits if any(self.result("AUROC", k, s) for k in self.findings)]
        folded = [s for s in of_auroc if "out of fold" in s]
        return next(iter(folded or [s for s in of_auroc if s == "test"] or of_auroc), "")

    @cached_property
    def masks(self) -> bool:
        """Whether the run draws structures, in place of asking for findings."""
        return any(task.get("kind") == "segmentation" for task in self.recipe.get("task") or ())

    @cached_property
    def boxed(self) -> tuple[str, ...]:
        """Keys of the findings that the run draws boxes around."""
        tasks = self.recipe.get("task") or ()
        return tuple(key for task in tasks for key in task.get("boxes") or ())

    @cached_property
    def chosen(self) -> tuple[str, str]:
        """What epochs are told by: name in the journal, and in words."""
        if self.boxed:
            return ("ap50", "AP at IoU .5")
        return ("dice", "Dice") if self.masks else ("auroc", "AUROC")

    def of_masks(self) -> dict[str, list[Result]]:
        """How well masks agree: split → numbers, those to believe first at the front."""
        found: dict[str, list[Result]] = {}
        for row in self.card.results if self.card and self.masks else ():
            found.setdefault(row.split, []).append(row)
        first = [s for s in found if "out of fold" in s] + [s for s in found if s == "test"]
        return {split: found[split] for split in dict.fromkeys([*first, *found])}

    @cached_property
    def within(self) -> str:
        """The metric that compares within strata, such as "AUROC within road"; "" without."""
        metrics = [r.metric for r in self.card.results] if self.card else []
        return next((metric for metric in metrics if metric.startswith("AUROC within")), "")

    def result(self, metric: str, key: str | None, split: str = "") -> Result | None:
        """A number of the card; None where it holds none."""
        split = split or self.split
        for row in self.card.results if self.card else ():
            same = (row.metric, row.finding, row.split) == (metric, key, split)
            if same and (key is not None or row.is_mean):
                return row
        return None


def read_run(path: Path) -> Run:
    """Read a run's folder.

    Raises:
        RunError: it holds no ``recipe.json``, or one of its files is damaged.
        InvalidCard: the bundle's card is damaged.
    """
    if not (path / "recipe.json").is_file():
        raise RunError(f"{path} is no run's folder: it holds no recipe.json.")
    recipe = _json(path / "recipe.json", {})
    missing: list[str] = []
    card_file = path / str(recipe["bundle"]["name"]) / "card.json"
    card = parse(card_file.read_bytes(), where=str(card_file)) if card_file.is_file() else None
    return Run(
        path=path,
        recipe=recipe,
        environment=_json(path / "environment.json", []),
        data=_json(path / "data.json", {}),
        networks=tuple(_network(path / name, recipe) for name in _names(path, recipe)),
        card=card,
        held=_held(path / "out-of-fold.npz", missing),
        missing=missing,
        froc=_json(path / "froc.json", {}),
    )


def _names(path: Path, recipe: Mapping[str, Any]) -> list[str]:
    planned = [f"fold-{at}" for at in range(int(recipe.get("folds") or 0))]
    found = sorted(one.parent.name for one in path.glob(f"*/{EPOCHS}"))
    return [*dict.fromkeys([*planned, *(name for name in found if name != FINAL)]), FINAL]


def _network(path: Path, recipe: Mapping[str, Any]) -> Trained:
    epochs = read_epochs(path / EPOCHS)
    done = (path / "done").exists()
    return Trained(path.name, epochs, done, _best(epochs, str(recipe["fit"].get("best", "auroc"))))


def _best(epochs: list[dict[str, Any]], by: str) -> int | None:
    """The epoch that the loop marked as its best, or else the first with the best number.

    Only the loop knows where the number that chooses does not stand in the journal.
    """
    marked = [at for at, line in enumerate(epochs) if line.get("best")]
    if marked:
        return marked[-1]
    metric, _, finding = by.replace("-", "_").partition(":")
    if metric == "loss":
        told = [line.get("tune_loss") for line in epochs]
        told = [None if value is None else -value for value in told]
    else:
        key = by.partition(":")[2] if finding else "mean"
        told = [line.get("tune", {}).get(metric, {}).get(key) for line in epochs]
    known = [(value, -at) for at, value in enumerate(told) if value is not None]
    return -max(known)[1] if known else None


def _held(path: Path, missing: list[str]) -> OutOfFold | None:
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: file[name] for name in file.files}
    except (ValueError, OSError, zipfile.BadZipFile, EOFError):
        raise RunError(f"{path.name} in the run's folder is damaged; remove it.") from None
    if absent := {"logits", "targets", "mask", "images"} - held.keys():
        missing.append(
            f"Matrices and pictures need what {path.name} does not hold: "
            f"{', '.join(sorted(absent))}."
        )
        return None
    logits, targets = held["logits"].astype(np.float32), held["targets"].astype(np.float32)
    mask, images = held["mask"].astype(bool), tuple(map(str, held["images"]))
    if not (logits.shape == targets.shape == mask.shape and len(images) == len(logits)):
        raise RunError(f"The arrays of {path.name} do not fit each other; remove it.")
    return OutOfFold(logits, targets, mask, images)


def _json(path: Path, default: Any) -> Any:
    if not path.is_file():
        return default
    try:
        value = json.loads(path.read_text("utf-8"))
    except (ValueError, UnicodeDecodeError):
        raise RunError(f"{path.name} in the run's folder is damaged.") from None
    if not isinstance(value, type(default)):
        raise RunError(f"{path.name} in the run's folder is not what training writes there.")
    return value
