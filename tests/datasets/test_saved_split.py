import json
from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.saved_split import How, folder_names, load_split, save_split
from hilum.datasets.split import divide
from hilum.domain import LabelTable
from hilum.errors import LabelError, LeakError

HOW = How("shares", {"train": 80, "test": 20, "seed": 0}, "not searched")


def make(n: int = 40) -> LabelTable:
    return LabelTable(
        images=[f"{i}.png" for i in range(n)],  # type: ignore[arg-type]
        findings=("mass",),
        states=(np.arange(n) % 4 == 0).astype(np.uint8)[:, None],
        patients=[str(i // 2) for i in range(n)],  # type: ignore[arg-type]
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    table = make()
    split = divide(table, {"train": 80, "test": 20}, np.random.default_rng(0))
    save_split(split, table, HOW, tmp_path / "split")
    return tmp_path / "split"


def test_a_split_comes_back_exactly(saved: Path) -> None:
    table = make()
    split = load_split(saved, table)
    facts = json.loads((saved / "split.json").read_text())
    assert split.digest == facts["digest"]
    assert facts["table_digest"] == table.digest()
    assert facts["options"] == {"train": 80, "test": 20, "seed": 0}
    assert facts["duplicates"] == {"treated": "not searched", "compared": 0, "not_compared": 40}
    for part, rows in split.parts.items():
        said = facts["parts"][part]
        assert said["images"] == len(rows)
        assert said["patients"] == len({table.patients[i] for i in rows})
        assert said["positives"] == {"mass": int(table.states[rows, 0].sum())}
    shuffled = table.rows(np.random.default_rng(1).permutation(len(table)))
    again = load_split(saved, shuffled)
    assert again.digest == split.digest
    for part, rows in split.parts.items():
        assert set(shuffled.images[again.parts[part]]) == set(table.images[rows])


def test_a_changed_split_is_refused(saved: Path) -> None:
    lines = (saved / "split.csv").read_text().splitlines(keepends=True)
    (saved / "split.csv").write_text("".join(lines[:-1]))
    with pytest.raises(LabelError, match="was changed: its digest is"):
        load_split(saved, make())


def test_images_that_the_table_lacks_are_named(saved: Path) -> None:
    with pytest.raises(LabelError, match="10 images of the split are not in the table"):
        load_split(saved, make(30))


def test_patients_told_anew_may_leak(saved: Path) -> None:
    table = make()
    other = LabelTable(
        table.images,
        table.findings,
        table.states,
        ["same"] * len(table),  # type: ignore[arg-type]
    )
    with pytest.raises(LeakError, match="1 patients stand in two parts"):
        load_split(saved, other)


def test_a_split_is_not_overwritten(saved: Path) -> None:
    table = make()
    split = divide(table, {"train": 1, "test": 1}, np.random.default_rng(1))
    with pytest.raises(LabelError, match="holds a split already"):
        save_split(split, table, HOW, saved)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"digest": 1}'])
def test_damaged_facts(saved: Path, content: str) -> None:
    (saved / "split.json").write_text(content)
    with pytest.raises(LabelError, match=r"split\.json in split is damaged"):
        load_split(saved, make())


def test_no_split(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="No split in"):
        load_split(tmp_path, make())


def test_folders_of_values_stay_inside_and_differ(tmp_path: Path) -> None:
    values = [
        "../../x",
        "/etc",
        "..",
        ".hidden",
        "ward 1",
        "ward/1",
        "Ward_1",
        "台北",
        "-",
        "a" * 300,
    ]
    names = folder_names(values)
    assert list(names) == values
    assert len({name.casefold() for name in names.values()}) == len(values)
    for name in names.values():
        assert not name.startswith(".")
        (tmp_path / name).mkdir()
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()
