from pathlib import Path

import cv2
import numpy as np
import pytest

from hilum.datasets.leaks import compare
from hilum.datasets.split import by_column, divide
from hilum.domain import LabelTable
from hilum.errors import LeakError, RunError
from hilum.phantoms import draw_chest

CHESTS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six chests; a crop of the first, an inverted copy of the second, both by other patients."""
    place = tmp_path_factory.mktemp("pictures")
    drawn = [
        np.rint(255 * draw_chest(np.random.default_rng(seed), size=(384, 352)).pixels).astype("u1")
        for seed in range(CHESTS)
    ]
    (place / "copies").mkdir()
    for number, pixels in enumerate(drawn):
        cv2.imwrite(str(place / f"{number}.png"), pixels)
    cv2.imwrite(str(place / "copies" / "crop.png"), drawn[0][20:, 15:330])
    cv2.imwrite(str(place / "copies" / "inverted.png"), 255 - drawn[1])
    (place / "copies" / "broken.png").write_bytes((place / "5.png").read_bytes()[:900])
    return place


NAMES = [*(f"{i}.png" for i in range(CHESTS)), "copies/crop.png", "copies/inverted.png",
         "copies/broken.png", "none.png"]  # fmt: skip


def labels(parts: list[str] | None = None) -> LabelTable:
    n = len(NAMES)
    return LabelTable(
        images=NAMES,  # type: ignore[arg-type]
        findings=("mass",),
        states=np.zeros((n, 1), np.uint8),
        patients=[f"p{i}" for i in range(n)],  # type: ignore[arg-type]
        columns={} if parts is None else {"part": parts},  # type: ignore[dict-item]
    )


def test_copies_are_found_and_what_could_not_be_compared_is_named(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = compare(labels(), folder, workers=2, progress=lambda *step: told.append(step))
    pairs = {(p.first, p.second): p.relations for p in found.pairs}
    assert set(pairs) == {(0, 6), (1, 7)}
    assert "cropped" in pairs[0, 6]
    assert "inverted" in pairs[1, 7]
    assert len(found.between_patients) == 2
    assert sorted(found.unread) == [8, 9]
    assert found.unread[9] == "no file"
    assert found.groups[[0, 6]].tolist() == [0, 0]
    assert found.groups[[1, 7]].tolist() == [1, 1]
    assert len(np.unique(found.groups)) == len(NAMES) - 2
    assert ("read", len(NAMES), len(NAMES)) in told
    assert {step for step, _, _ in told} == {"read", "describe", "search", "align"}


def test_given_parts_that_share_a_picture_are_refused_by_name(folder: Path) -> None:
    parts = ["train"] * 6 + ["test"] * 4
    table = labels(parts)
    split = by_column(table, "part", {"train": "train", "test": "test"})
    found = compare(table, folder, workers=2)
    with pytest.raises(LeakError, match=r"2 pairs .* 0\.png \(train\) and copies/crop\.png \(test"):
        found.check(split)
    apart = labels(["train", "test", "train", "train", "test", "test", "train", "test", "", ""])
    found.check(by_column(apart, "part", {"train": "train", "test": "test"}))


def test_parts_that_are_drawn_keep_copies_together(folder: Path) -> None:
    table = labels()
    found = compare(table, folder, workers=2)
    for seed in range(10):
        split = divide(
            table, {"train": 1, "test": 1}, np.random.default_rng(seed), together=found.groups
        )
        found.check(split)


def test_copies_of_a_third_picture_are_found_too(folder: Path) -> None:
    parts = ["", "test", "test", "", "", "", "train", "test", "", ""]
    table = labels(parts)
    found = compare(table, folder, workers=2)
    chain = found.groups.copy()
    chain[2] = chain[6]  # as if picture 2 were another copy of picture 0, which is in no part
    found = type(found)(found.images, found.patients, found.pairs, chain, found.unread)
    with pytest.raises(LeakError, match="copies of a third picture"):
        found.check(by_column(table, "part", {"train": "train", "test": "test"}))


def test_a_folder_without_the_images(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="None of the 10 images of the table lies in"):
        compare(labels(), tmp_path, workers=1)


def test_real_radiographs_of_one_patient_are_no_copies(shared: Path) -> None:
    """Other exposures of the same patient are the hardest pictures to tell apart."""
    from hilum.datasets.columns import Columns, read_csv

    columns = Columns(image="file", patient="patient_id", where={"source": "nih14"})
    table = read_csv(shared / "radiographs" / "manifest.csv", columns)
    who, count = np.unique(table.patients, return_counts=True)
    several = np.flatnonzero(np.isin(table.patients, who[count > 2]))[:150]
    found = compare(table.rows(several), shared / "radiographs", workers=2)
    assert len(found.pairs) <= len(several) // 50
