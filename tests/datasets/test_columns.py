from dataclasses import replace
from pathlib import Path

import pytest

from hilum.datasets.columns import Columns, read_csv
from hilum.domain import CHEST14, State
from hilum.errors import LabelError

COLUMNS = Columns(
    image="file", patient="patient", labels="labels", columns={"road": "part"}, where={"use": "yes"}
)
HEADER = "file,patient,labels,part,use\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_named_findings_are_present_all_others_absent(tmp_path: Path) -> None:
    rows = "a.png,p,Mass|Pleural Thickening,x,yes\nb.png,q,No Finding,y,yes\nc.png,r,Mass,x,no\n"
    table = read_csv(write(tmp_path, HEADER + rows), COLUMNS, ["mass", "pleural_thickening"])
    assert table.images.tolist() == ["a.png", "b.png"]
    assert table.states.tolist() == [[1, 1], [0, 0]]
    assert table.columns["road"].tolist() == ["x", "y"]


def test_labels_outside_the_vocabulary_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, HEADER + "a.png,p,Mas|Fluff,x,yes\nb.png,q,Fluff,x,yes\n")
    with pytest.raises(LabelError, match=r"'Fluff' \(2 rows\), 'Mas' \(1 rows\)"):
        read_csv(path, COLUMNS, ["mass"])


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="lacks \\['labels', 'part', 'use'\\]"):
        read_csv(write(tmp_path, "file,patient\n"), COLUMNS, ["mass"])


def test_no_row_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="no row has"):
        read_csv(write(tmp_path, HEADER + "a.png,p,,x,no\n"), COLUMNS, ["mass"])


def test_no_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"No label table none\.csv"):
        read_csv(tmp_path / "none.csv", COLUMNS)


def test_the_counts_of_the_real_radiographs(shared: Path) -> None:
    columns = Columns(
        image="file", patient="patient_id", labels="findings", where={"source": "nih14"}
    )
    table = read_csv(shared / "radiographs" / "manifest.csv", columns, CHEST14)
    assert len(table) == 1421
    positives = dict(zip(table.findings, table.states.sum(0).tolist(), strict=True))
    assert positives["hernia"] == 18
    assert positives["pneumonia"] == 314 + 46 + 38


def test_a_row_that_names_nothing_is_unmentioned(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, HEADER + "a.png,p,,x,yes\n"), COLUMNS, ["mass"])
    assert table.states.tolist() == [[State.UNMENTIONED]]
    assert not table.targets()[1].any()


def test_a_short_row_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="row 3: 2"):
        read_csv(write(tmp_path, HEADER + "a.png,p,Mass,x,yes\nb.png,q\n"), COLUMNS, ["mass"])


def test_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(HEADER.encode() + "ä.png,p,Mass,x,yes\n".encode("latin-1"))
    with pytest.raises(LabelError, match="is not UTF-8"):
        read_csv(path, COLUMNS, ["mass"])


def test_a_row_of_labels_left_out_alone_is_unmentioned(tmp_path: Path) -> None:
    columns = replace(COLUMNS, known={"todo": None})
    rows = "a.png,p,todo,x,yes\nb.png,q,todo|Mass,x,yes\nc.png,r,No Finding,x,yes\n"
    table = read_csv(write(tmp_path, HEADER + rows), columns, ["mass", "edema"])
    assert table.states.tolist() == [[3, 3], [1, 0], [0, 0]]
