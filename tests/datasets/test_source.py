import gzip
from pathlib import Path

import pytest

from hilum.datasets import source
from hilum.datasets.source import read_columns
from hilum.errors import LabelError


def write(folder: Path, content: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(content, encoding="utf-8")
    return path


def test_columns_are_read_as_written(tmp_path: Path) -> None:
    path = write(tmp_path, 'a,b,c\n1,"x, y",\n2,肺炎,z\n')
    cells = read_columns(path, ["c", "b"])
    assert {k: v.tolist() for k, v in cells.items()} == {"c": ["", "z"], "b": ["x, y", "肺炎"]}
    assert list(read_columns(path)) == ["a", "b", "c"]


def test_pieces_are_put_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PIECE", 3)
    path = write(tmp_path, "n,even\n" + "".join(f"{i},{i % 2 == 0}\n" for i in range(10)))
    assert read_columns(path, ["n"])["n"].tolist() == [str(i) for i in range(10)]
    only = read_columns(path, ["n"], where={"even": "True"})
    assert only["n"].tolist() == ["0", "2", "4", "6", "8"]


def test_compressed_without_header_and_with_lines_above(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt.gz"
    path.write_bytes(gzip.compress(b"## a licence\na.png 1\nb.png 0\n"))
    cells = read_columns(path, skip=1, header=["image", "mass"], separator=" ")
    assert cells["image"].tolist() == ["a.png", "b.png"]


def test_an_empty_line_is_no_row(tmp_path: Path) -> None:
    assert read_columns(write(tmp_path, "a\n1\n\n2\n\n"))["a"].tolist() == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n4,5\n6,7,8\n", r"rows 3, 5 \(row 3: 1\)"),
        ("a,b\n", "holds no row"),
        ("", r"lacks \['a'\]; it has \[\]"),
        ("b\n1\n", r"lacks \['a'\]; it has \['b'\]"),
        ('a\n"1\n', "damaged or no CSV"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read_columns(write(tmp_path, content), ["a"])


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv.gz"
    whole = gzip.compress(b"a\n" + b"1\n" * 10000)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LabelError, match="damaged"):
        read_columns(path)


def test_no_row_meets_the_condition(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"no row has \{'a': '2'\}"):
        read_columns(write(tmp_path, "a\n1\n"), where={"a": "2"})
