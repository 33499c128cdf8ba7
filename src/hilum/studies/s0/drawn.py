"""A small tree in the layout of the challenge, drawn by code: DICOM files, two tables, a sample."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hilum.errors import LabelError
from hilum.imaging import write_dicom
from hilum.phantoms import Lesion, Phantom, draw_chest

HEAD = (
    "id", "Negative for Pneumonia", "Typical Appearance", "Indeterminate Appearance",
    "Atypical Appearance",
)  # fmt: skip
FEWEST = 12
"""Studies of a part."""
SHARES = (0.274, 0.475, 0.175, 0.076)
"""Of the four classes among the challenge's images."""
NONE = "none 1 0 0 1 1"
"""What is said of an image without boxes."""
LOOKS: Sequence[Sequence[Lesion]] = (
    (),
    (Lesion("consolidation", "left"), Lesion("consolidation", "right")),
    (Lesion("consolidation"),),
    (Lesion("effusion"), Lesion("nodule")),
)
"""What stands for each class: nothing; opacities on both sides; on one; something else."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What was drawn.

    Attributes:
        folder: of the challenge's layout.
        studies: class of each study of ``train``, and of ``test``.
        answers: tables of the test part, in a folder that no command is shown but the scoring.
        sample: the organiser's CSV to be filled.
    """

    folder: Path
    studies: dict[str, list[int]]
    answers: Path
    sample: Path


def draw_tree(
    folder: Path, *, train: int, test: int, side: int, seed: int, odd: bool = False
) -> Tree:
    """Draw it: one image a study, some of them stored as MONOCHROME1.

    Args:
        folder: new or empty.
        train: studies.
        test: studies.
        side: rows and columns, about; each picture has its own.
        seed: of everything drawn.
        odd: with what is odd in the challenge's tables: the first typical and the first
            indeterminate study have a second image, a copy brighter by one level that nobody drew
            on and that says "none"; and in the first atypical study nobody found anything to draw.
    """
    rng = np.random.default_rng(seed)
    answers = folder / "answers"
    answers.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, list[int]] = {}
    ids: list[str] = []
    for part, count, tables in (("train", train, folder), ("test", test, answers)):
        classes = np.repeat(range(4), _dealt(count)).tolist()
        drawn[part] = classes
        studies, images, people = [], [], []
        met: set[int] = set()
        for at, kind in enumerate(rng.permutation(classes).tolist()):
            study, series, image = (f"{part[:2]}{at:04d}{what}" for what in "abc")
            phantom = _chest(kind, side, rng)
            boxes = [box for name, box in phantom.boxes.items() if _is_lesion(name)]
            first = odd and kind not in met
            met.add(kind)
            if first and kind == 3:
                boxes = []
            drawn_on = [(image, boxes)]
            if first and boxes:
                drawn_on.append((f"{image}2", []))
            for number, (name, its) in enumerate(drawn_on, 1):
                file = folder / part / study / series / f"{name}.dcm"
                _store(file, phantom, inverted=at % 5 == 0, brighter=number - 1)
                images.append([f"{name}_image", _spelt(its), _label(its), study])
                people.append([f"p{part}{at}", study, series, name, 1, number])
            studies.append([f"{study}_study", *(int(kind == k) for k in range(4))])
            if part == "test":
                ids += [f"{study}_study", *(f"{name}_image" for name, _ in drawn_on)]
        _write(tables / "train_study_level.csv", HEAD, studies)
        head = ("id", "boxes", "label", "StudyInstanceUID")
        _write(tables / "train_image_level.csv", head, images)
        head = ("patientid", "studyid", "series_id", "imageid", "SeriesNumber", "InstanceNumber")
        _write(tables / "train_meta.csv", head, people)
    sample = folder / "sample_submission.csv"
    empty = {"_study": "negative 1 0 0 1 1", "_image": NONE}
    _write(sample, ("Id", "PredictionString"), [[one, empty[one[-6:]]] for one in sorted(ids)])
    return Tree(folder, drawn, answers, sample)


def _dealt(count: int) -> list[int]:
    """Studies of each class: at the shares of the challenge, three at the least."""
    if count < FEWEST:
        raise LabelError(f"{count} studies: {FEWEST} or more hold three of each of the four kinds.")
    numbers = [max(3, round(share * count)) for share in SHARES]
    numbers[1] += count - sum(numbers)
    return numbers


def _store(file: Path, phantom: Phantom, *, inverted: bool, brighter: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    stored = np.minimum(np.rint(phantom.pixels * 4095) + brighter, 4095).astype(np.uint16)
    write_dicom(
        file, 4095 - stored if inverted else stored, bits_stored=12,
        photometric="MONOCHROME1" if inverted else "MONOCHROME2", modality="DX",
        body_part="CHEST", view=phantom.view.value, window=(2048, 4096),
    )  # fmt: skip


def _chest(kind: int, side: int, rng: np.random.Generator) -> Phantom:
    size = (side, int(side * rng.uniform(0.85, 1.15)))
    return draw_chest(rng, size=size, lesions=LOOKS[kind])


def _is_lesion(name: str) -> bool:
    return name.split("-", maxsplit=1)[0] in {"consolidation", "effusion", "nodule"}


def _spelt(boxes: Sequence[tuple[int, int, int, int]]) -> str:
    names = ("x", "y", "width", "height")
    return str([dict(zip(names, box, strict=True)) for box in boxes]) if boxes else ""


def _label(boxes: Sequence[tuple[int, int, int, int]]) -> str:
    if not boxes:
        return NONE
    return " ".join(f"opacity 1 {x} {y} {x + w} {y + h}" for x, y, w, h in boxes)


def _write(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(head)
        out.writerows(rows)
