"""The two tables of the challenge joined, counted, and what the boxes would crop."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.collections.siim_covid19 import CLASSES, COLLECTION, KFOLD
from hilum.datasets.files import find_table
from hilum.datasets.source import read_columns
from hilum.datasets.verify import compare
from hilum.domain import LabelTable, State
from hilum.domain.boxes import Boxes
from hilum.errors import LabelError
from hilum.evaluation import Reference, intervals
from hilum.studies.cells import three, told
from hilum.studies.questions import Numbers, Shown, Table
from hilum.studies.running import Bench

THEIRS = {
    "negative without a box": 1736,
    "not negative without a box": 304,
    "not negative with a box": 4294,
    "negative with a box": 0,
}
"""What S0 counted."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def measure(bench: Bench, _seeds: Sequence[int]) -> Numbers:
    """Write the published k-fold table as the download's two tables, join them, and count.

    Raises:
        LabelError: the published table is not there.
    """
    places = [bench.data, bench.data.parent / "labels"]
    found = [find_table(place, *KFOLD) for place in places if place.is_dir()]
    published = next(filter(None, found), None)
    if published is None:
        raise LabelError(
            f"{KFOLD[0]} lies neither in {bench.data.name} nor in labels beside it: put it there."
        )
    folder = bench.out / "tables"
    original_tables(published, folder)
    joined = COLLECTION.variants["original"].read(folder)
    counted = compare(joined, COLLECTION.variants["original"].counts)
    boxes = joined.boxes
    if boxes is None:
        raise LabelError("The joined table holds no boxes.")
    return {
        "counts": [
            {"what": one.what, "expected": one.expected, "found": one.found} for one in counted
        ],
        "crop": cropped_or_not(joined, boxes),
        "survey": survey(boxes),
    }


def original_tables(published: Path, folder: Path) -> None:
    """The tables of the download from the k-fold table: a row a study, a row an image."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ["patientid", "studyid", "series_id", "imageid", "label", *CLASSES]
    cells = {name: column.tolist() for name, column in read_columns(published, names).items()}
    studies: dict[str, list[str]] = {}
    images: list[list[str]] = []
    people: list[list[str]] = []
    for row, study in enumerate(cells["studyid"]):
        studies[study] = [cells[name][row] for name in CLASSES]
        image, label = cells["imageid"][row], cells["label"][row]
        images.append([f"{image}_image", _boxes(label), label, study])
        people.append([cells["patientid"][row], study, cells["series_id"][row], image, "1", "1"])
    _write(
        folder / "train_study_level.csv",
        ["id", *CLASSES],
        [[f"{name}_study", *said] for name, said in studies.items()],
    )
    _write(folder / "train_image_level.csv", ["id", "boxes", "label", "StudyInstanceUID"], images)
    head = ["patientid", "studyid", "series_id", "imageid", "SeriesNumber", "InstanceNumber"]
    _write(folder / "train_meta.csv", head, people)


def _boxes(label: str) -> str:
    """Boxes as the download spells them beside the label; empty where there is none."""
    words = label.split()
    groups = [words[at : at + 6] for at in range(0, len(words), 6) if words[at] == "opacity"]
    found = []
    for _, _, *numbers in groups:
        left, top, right, bottom = map(float, numbers)
        found.append({"x": left, "y": top, "width": right - left, "height": bottom - top})
    return str(found) if found else ""


def _write(path: Path, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(head)
        out.writerows(rows)


def cropped_or_not(table: LabelTable, boxes: Boxes) -> Mapping[str, Any]:
    """What a look at whether a picture was cropped tells of *negative*, without its pixels."""
    negative = table.select(["negative_for_pneumonia"]).states[:, 0] == State.PRESENT
    boxed = np.isin(np.arange(len(table)), boxes.row)
    found = intervals(
        Reference.of(~negative, table.patients), boxed.astype(np.float64),
        rng=np.random.default_rng(0),
    ).mean  # fmt: skip
    right = boxed == ~negative
    return {
        "images": len(table),
        "patients": len(np.unique(table.patients.astype(str))),
        "auroc": three(found),
        "accuracy": float(right.mean()),
        "majority": float(max(negative.mean(), 1 - negative.mean())),
    }


def survey(boxes: Boxes) -> Mapping[str, Any]:
    """Width, height and aspect of the crop around all boxes of an image, and boxes an image."""
    rows = np.unique(boxes.row)
    left, top, wide, high = boxes.xywh.T
    at = np.searchsorted(rows, boxes.row)
    ends = np.full((4, len(rows)), np.inf)
    for end, values in zip(ends, (left, top, -(left + wide), -(top + high)), strict=True):
        np.minimum.at(end, at, values)
    width, height = -ends[2] - ends[0], -ends[3] - ends[1]
    each = np.bincount(at)
    return {
        "images": len(rows),
        "boxes": len(at),
        "quantiles": list(QUANTILES),
        "width_px": _quantiles(width),
        "height_px": _quantiles(height),
        "aspect": _quantiles(width / height),
        "boxes_an_image": {str(n): int((each == n).sum()) for n in np.unique(each)},
        "histogram": _histogram(width / height),
    }


def _quantiles(values: NDArray[np.float64]) -> list[float]:
    return [round(float(one), 3) for one in np.quantile(values, QUANTILES)]


def _histogram(values: NDArray[np.float64]) -> Mapping[str, list[float]]:
    counts, edges = np.histogram(np.clip(values, 0, 3), bins=np.linspace(0, 3, 31))
    return {"counts": counts.tolist(), "edges": [round(float(e), 2) for e in edges]}


def show(numbers: Numbers) -> Shown:
    """Counts beside S0's, what cropping tells, the survey."""
    rows = [
        (one["what"], f"{THEIRS[one['what']]:,}" if one["what"] in THEIRS else "",
         f"{one['expected']:,}", f"{one['found']:,}")
        for one in numbers["counts"]
    ]  # fmt: skip
    crop, sizes = numbers["crop"], numbers["survey"]
    auroc = told(crop["auroc"])
    words = (
        "**Whether an image was cropped** to its boxes tells *negative* from the rest with an "
        f"AUROC of {auroc} and an accuracy of {crop['accuracy']:.3f} (the commonest answer alone: "
        f"{crop['majority']:.3f}), on {crop['images']:,} images of {crop['patients']:,} patients, "
        "with no pixel looked at."
    )
    head = ("crop around all boxes of an image", *(f"{q:.0%}" for q in sizes["quantiles"]))
    spread = [
        (name, *(f"{v:,.0f}" if "px" in key else f"{v:.2f}" for v in sizes[key]))
        for name, key in (
            ("width, px", "width_px"), ("height, px", "height_px"), ("width / height", "aspect")
        )
    ]  # fmt: skip
    several = sizes["boxes_an_image"]
    return Shown(
        tables=(
            Table(("", "S0", "published", "joined here"), tuple(rows),
                  "The two tables of the challenge, joined:"),
            Table(head, tuple(spread),
                  f"Survey of the crops that S0 made: {sizes['images']:,} images with "
                  f"{sizes['boxes']:,} boxes, quantiles."),
        ),
        figures={"aspect": lambda: _draw(sizes)},
        words=(
            words,
            "Boxes an image: " + ", ".join(f"{n} on {c:,}" for n, c in several.items()) + ".",
        ),
    )  # fmt: skip


def _draw(sizes: Mapping[str, Any]) -> Any:
    from hilum.report.style import BLUE, sheet, thousands

    figure, ax = sheet(2.3, left=0.75, top=0.15)
    edges, counts = sizes["histogram"]["edges"], sizes["histogram"]["counts"]
    ax.bar(edges[:-1], counts, width=np.diff(edges) * 0.9, align="edge", color=BLUE)
    ax.set_xlabel("width / height of the crop around all boxes (3 and beyond in the last bar)")
    ax.set_ylabel("images")
    thousands(ax.yaxis)
    return figure
