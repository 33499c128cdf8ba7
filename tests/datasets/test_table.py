from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.datasets import table as tables
from hilum.datasets.table import load, save
from hilum.domain import LabelTable
from hilum.domain.boxes import Boxes
from hilum.errors import LabelError, RunError

KEYS = ("mass", "edema", "hernia")
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1)
NUMBERS = st.floats(0.01, 5000)
SIDES = st.floats(1.01, 5000)  # no reader draws smaller ones: they would be shares of the image


@st.composite
def label_tables(draw: st.DrawFn) -> LabelTable:
    images = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    n = len(images)

    def one_each(of: st.SearchStrategy) -> list:
        return draw(st.lists(of, min_size=n, max_size=n))

    rows = draw(st.lists(st.integers(0, n - 1), max_size=6))
    corners = [[draw(of) for of in (NUMBERS, NUMBERS, SIDES, SIDES)] for _ in rows]
    boxes = Boxes(
        row=np.array(rows, np.int64),
        finding=[draw(st.sampled_from(KEYS)) for _ in rows],  # type: ignore[arg-type]
        xywh=np.array(corners).reshape(-1, 4),
        annotated=np.array(one_each(st.booleans())),
    )
    return LabelTable(
        images=images,  # type: ignore[arg-type]
        findings=KEYS,
        states=np.array([one_each(st.integers(0, 3)) for _ in KEYS], np.uint8).T.copy(),
        patients=one_each(NAMES.filter(str.strip)),  # type: ignore[arg-type]
        columns={
            "view": one_each(st.sampled_from(["PA", "AP", ""])),  # type: ignore[dict-item]
            "age_years": one_each(st.one_of(st.just(np.nan), st.floats(0, 120, width=32))),  # type: ignore[dict-item]
            "visit": one_each(st.integers(-1, 99)),  # type: ignore[dict-item]
            "road": one_each(st.text(st.characters(codec="ascii", exclude_characters="\r\n\x00"))),  # type: ignore[dict-item]
        },
        boxes=draw(st.sampled_from([boxes, None])),
    )


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@settings(max_examples=60, deadline=None)
@given(made=label_tables())
def test_what_is_saved_is_loaded(made: LabelTable, ending: str, tmp_path_factory) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("table") / f"labels{ending}"
    save(made, path)
    read = load(path)
    assert read.images.tolist() == made.images.tolist()
    assert read.patients.tolist() == made.patients.tolist()
    assert read.findings == made.findings
    assert read.states.tolist() == made.states.tolist()
    assert read.digest() == made.digest()
    for name, values in made.columns.items():
        np.testing.assert_array_equal(read.columns[name], values)
    assert (read.boxes is None) == (made.boxes is None)
    if made.boxes is not None and read.boxes is not None:
        assert read.boxes.annotated.tolist() == made.boxes.annotated.tolist()
        assert read.boxes.row.tolist() == made.boxes.row.tolist()
        assert read.boxes.finding.tolist() == made.boxes.finding.tolist()
        np.testing.assert_allclose(read.boxes.xywh, made.boxes.xywh, rtol=1e-9)


HEADER = "image,patient,width_px,height_px,mass,boxes\n"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,p,,,2,\n", "column 'mass': '2' is no state"),
        ("a,p,,,1,mass 1 2 3\n", "1 boxes cannot be read: 'mass 1 2 3'"),
        ("a,p,,,1,fluff 1 2 3 4\n", "1 boxes cannot be read: 'fluff"),
        ("a,p,10,10,1,mass 5 5 3 3; mass 5 5 9 3\n", r"1 boxes reach outside .* a \(10 × 10\)"),
        ("a,p,ten,,1,\n", "'ten' cannot be taken for width_px"),
        ("a,p,,,1,\na,p,,,0,\n", "rows of 1 images disagree: 'a'"),
        ("a,,,,1,\n", "1 rows name no patient: rows 2"),
        (",p,,,1,\n", "1 rows name no image: rows 2"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    with pytest.raises(LabelError, match=message):
        load(path)


def test_a_foreign_table_is_told_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("Image Index,Finding Labels\na,Mass\n", encoding="utf-8")
    with pytest.raises(LabelError, match="hilum datasets table"):
        load(path)


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = LabelTable(("a", "b"), KEYS, np.zeros((2, 3), np.uint8), ("p", "q"))  # type: ignore[arg-type]
    save(made, tmp_path / "labels.csv")
    before = (tmp_path / "labels.csv").read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables.os, "fsync", full)
    with pytest.raises(RunError, match="cannot be written: No space left"):
        save(made.rows([0]), tmp_path / "labels.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]
    assert (tmp_path / "labels.csv").read_bytes() == before


def test_another_ending_is_refused(tmp_path: Path) -> None:
    made = LabelTable(("a",), KEYS, np.zeros((1, 3), np.uint8), ("p",))  # type: ignore[arg-type]
    with pytest.raises(LabelError, match=r"as \.csv or \.parquet"):
        save(made, tmp_path / "labels.xlsx")


def test_parquet_holds_numbers_that_other_programs_understand(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    made = LabelTable(
        images=("a", "b"),  # type: ignore[arg-type]
        findings=("mass",),
        states=np.array([[2], [3]], np.uint8),
        patients=("p", "q"),  # type: ignore[arg-type]
        columns={"age_years": np.array([np.nan, 61.5])},
    )
    save(made, tmp_path / "labels.parquet")
    rows = parquet.read_table(tmp_path / "labels.parquet").to_pylist()
    assert [row["mass"] for row in rows] == [-1, None]
    assert [row["age_years"] for row in rows] == [None, 61.5]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("image,patient,mass,mass", r"columns \['mass'\] stand twice"),
        ("image,patient,Pleural Thickening,mass", "write 'pleural_thickening'"),
        ("image,patient,efusion,mass", "write 'effusion'"),
        ("image,patient,mass ,edema", "write 'mass'"),
    ],
)
def test_a_finding_in_another_spelling_is_not_lost(
    tmp_path: Path, header: str, message: str
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"{header}\na,p,1,0\nb,q,0,1\n", encoding="utf-8")
    with pytest.raises(LabelError, match=message):
        load(path)


def test_a_file_parted_by_semicolons_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("image;patient;mass\na;p;1\n", encoding="utf-8")
    with pytest.raises(LabelError, match="looks separated by ';', not by commas"):
        load(path)


def test_many_names_in_two_runs_load_and_sort(tmp_path: Path) -> None:
    """numpy's variable-width strings ended the process on such a table."""
    names = [*(f"b{i:05d}" for i in range(1500)), *(f"a{i:05d}" for i in range(500))]
    made = LabelTable(names, ("mass",), np.zeros((2000, 1), np.uint8), names)  # type: ignore[arg-type]
    save(made, tmp_path / "labels.csv")
    assert load(tmp_path / "labels.csv").digest() == made.rows(np.arange(2000)[::-1]).digest()


@pytest.mark.parametrize("kind", ["int64", "float64", "bool", "dictionary", "inf", "list", "twice"])
def test_parquet_of_other_programs(tmp_path: Path, kind: str) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    mass = {
        "int64": pa.array([1, 0], pa.int64()),
        "float64": pa.array([1.0, float("nan")]),
        "bool": pa.array([True, None]),
        "dictionary": pa.array(["1", ""]).dictionary_encode(),
        "inf": pa.array([1.0, float("inf")]),
        "list": pa.array([[1], [0]]),
        "twice": pa.array([1, 0]),
    }[kind]
    names = ["image", "patient", "mass", "__index_level_0__"]
    columns = [pa.array(["a", "b"]), pa.array([1, 2]), mass, pa.array([0, 1])]
    if kind == "twice":
        names, columns = [*names, "mass"], [*columns, mass]
    path = tmp_path / "labels.parquet"
    parquet.write_table(pa.Table.from_arrays(columns, names), path)
    if kind in {"inf", "list", "twice"}:
        with pytest.raises(LabelError, match="mass"):
            load(path)
        return
    read = load(path)
    assert read.patients.tolist() == ["1", "2"]
    assert read.states[:, 0].tolist() == [1, 0 if kind == "int64" else 3]
    assert read.columns == {}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    made = LabelTable(("a",), KEYS, np.zeros((1, 3), np.uint8), ("p",))  # type: ignore[arg-type]
    with pytest.raises(RunError, match="No folder"):
        save(made, tmp_path / "none" / "labels.csv")


def test_a_carriage_return_is_refused(tmp_path: Path) -> None:
    made = LabelTable(("a\rb",), KEYS, np.zeros((1, 3), np.uint8), ("p",))  # type: ignore[arg-type]
    with pytest.raises(LabelError, match="carriage return"):
        save(made, tmp_path / "labels.csv")
