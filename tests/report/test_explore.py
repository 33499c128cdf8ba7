"""The page of an exploration, its figures and tables; whatever the table holds."""

import csv
import json
import re
from html import unescape

import numpy as np
import pytest

from hilum.datasets.exploration import Exploration, Survey, explore, find_images, look_at
from hilum.domain import Affine, LabelTable, Radiograph, Source, all_findings
from hilum.domain.boxes import Boxes
from hilum.errors import RunError
from hilum.report.explore.examples import Examples, boxes_on, with_boxes
from hilum.report.explore.page import Source as Explored
from hilum.report.explore.page import write
from hilum.report.results_folder import ResultsFolder
from hilum.report.style import percent

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")


def table_of(n: int = 40, keys=("mass", "edema", "hernia"), columns=None, **more) -> LabelTable:
    rng = np.random.default_rng(1)
    return LabelTable(
        images=more.pop("images", [f"{i}.png" for i in range(n)]),
        findings=tuple(keys),
        states=more.pop("states", rng.integers(0, 2, (n, len(keys))).astype(np.uint8)),
        patients=more.pop("patients", [f"SECRET-{i // 2}" for i in range(n)]),
        columns=columns or {},
        **more,
    )


def rich() -> LabelTable:
    n, rng = 40, np.random.default_rng(0)
    return table_of(
        states=rng.integers(0, 4, (n, 3)).astype(np.uint8),
        columns={
            "source": rng.choice(["a", "b <i>", "=1+1"], n),
            "view": rng.choice(["PA", "AP", ""], n),
            "sex": rng.choice(["F", "M"], n),
            "age_years": rng.integers(0, 99, n),
            "split": rng.choice(["train", "test"], n),
            "visit": np.arange(n) % 2,
            "date": [f"2020-01-{1 + i % 28:02d}" for i in range(n)],
            "width_px": 100 + rng.integers(0, 9, n),
            "height_px": np.full(n, 120),
        },
        boxes=Boxes(
            np.arange(12),
            np.array(["mass"] * 12),
            np.array([[10, 20, 30, 40]] * 12),
            np.arange(n) < 20,
        ),
    )


def explored(out, table: LabelTable, other: LabelTable | None = None, **more) -> Exploration:
    found = explore(table, rng=np.random.default_rng(0), against=other, **more)
    with ResultsFolder.open(out, "exploration") as folder:
        write(folder, Explored(name="labels.csv", table=table, other=other, against="b.csv"), found)
        folder.finish()
    return found


def numbers_in(path) -> dict:
    def no_constant(name: str) -> None:
        raise AssertionError(f"{name} in {path.name}")

    return json.loads(path.read_text("utf-8"), parse_constant=no_constant)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A table with everything, explored against itself with other labels in five rows."""
    one = rich()
    states = one.states.copy()
    states[:5] = 1 - np.minimum(states[:5], 1)
    out = tmp_path_factory.mktemp("explored")
    return out, explored(out, one, table_of(states=states)), one.states != states


ODD = {
    "no findings": table_of(keys=()),
    "one finding": table_of(keys=("mass",)),
    "one image": table_of(1),
    "one patient": table_of(patients=["p"] * 40),
    "an empty class": table_of(states=np.tile(np.array([[0, 1, 0]], np.uint8), (40, 1))),
    "nothing said": table_of(states=np.full((40, 3), 3, np.uint8)),
    "227 findings": table_of(keys=tuple(f.key for f in all_findings())),
    "only no finding": table_of(keys=("no_finding",)),
    "boxes looked for, none drawn": table_of(boxes=Boxes.none([True] * 40)),
    "many sources": table_of(
        columns={"source": [f"a very long name of a hospital {i}" for i in range(40)]}
    ),
    "ages that cannot be": table_of(columns={"age_years": np.full(40, 999.0)}),
    "nobody's sex": table_of(columns={"sex": [""] * 40, "age_years": np.full(40, 5.0)}),
}


@pytest.mark.parametrize("kind", [*ODD, "everything"])
def test_whatever_a_table_holds_it_is_explored(kind, tmp_path, page):
    if kind == "everything":
        tmp_path = page[0]
    else:
        explored(tmp_path, ODD[kind])
    text = (tmp_path / "explore.html").read_text("utf-8")
    assert not re.search(r"\bnan\b|>\s*(None|inf)\s*<", re.sub(r'src="data:[^"]*"', "", text))
    tables = numbers_in(tmp_path / "explore.json")["tables"]
    for name, rows in tables.items():
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            written = list(csv.DictReader(file))
        assert len(written) == len(rows)
        assert not {"nan", "inf", "None"} & {cell for row in written for cell in row.values()}
    figures = {path.stem for path in (tmp_path / "figures").glob("*.svg")}
    assert figures == {path.stem for path in (tmp_path / "figures").glob("*.png")}
    assert text.count("data:image/svg+xml;base64,") == len(figures)
    for name in re.findall(r'href="([^"#:]+\.(?:csv|json|png|svg))"', text):
        assert (tmp_path / name).is_file(), name


def test_an_empty_class_is_undefined_not_nought(tmp_path):
    explored(tmp_path, ODD["an empty class"])
    tables = numbers_in(tmp_path / "explore.json")["tables"]
    mass = next(row for row in tables["findings"] if row["finding"] == "mass")
    assert (mass["present"], mass["absent"], mass["prevalence"]) == (0, 40, 0)
    rows = {(r["given"], r["finding"]): r for r in tables["conditional"]}
    assert rows["mass", "edema"]["probability"] is None
    assert rows["mass", "edema"]["reason"]
    assert rows["edema", "mass"]["probability"] == 0
    text = (tmp_path / "explore.html").read_text("utf-8")
    assert "(0 of 40)" in text
    assert "undefined<br><small>0 of 0</small>" in text
    assert "undefined: no image" in text


def test_nothing_is_loaded_from_elsewhere_and_nothing_is_markup(page):
    out, _, _ = page
    text = (out / "explore.html").read_text("utf-8")
    assert "default-src 'none'" in text
    assert "<script" not in text
    assert "http" not in re.sub(r'http-equiv="Content-Security-Policy"', "", text)
    assert "b &lt;i&gt;" in text
    assert "<i>" not in text
    strata = (out / "strata.csv").read_text("utf-8")
    assert "'=1+1" in strata  # no formula for a spreadsheet


def test_no_patient_is_named(page):
    for path in page[0].rglob("*"):
        if path.is_file():
            assert b"SECRET-" not in path.read_bytes(), path.name


def test_the_page_shows_the_numbers(page):
    out, found, _ = page
    text = unescape((out / "explore.html").read_text("utf-8"))
    mass = found.findings[0]
    assert f"{mass.by_patient.positives} of {mass.by_patient.images}" in text
    assert "腫塊" in text
    both = found.together.both[0, 1]
    assert f"{both} of {found.together.given[0, 1]}" in text
    for concern in found.concerns:
        assert concern.message in text


def test_the_same_table_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        explored(tmp_path / name, ODD["one finding"])
    for path in sorted((tmp_path / "one").rglob("*.*")):
        if path.is_file() and ".hilum" not in path.parts:
            twin = tmp_path / "two" / path.relative_to(tmp_path / "one")
            assert path.read_bytes() == twin.read_bytes(), path.name


def test_two_readers(page):
    out, _, differ = page
    tables = numbers_in(out / "explore.json")["tables"]
    assert [row["finding"] for row in tables["agreement"]] == ["mass", "edema", "hernia"]
    with (out / "differences.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == int(differ.sum())
    assert all(row["this"] != row["other"] for row in rows)
    assert f"The first of {len(rows)} labels" in (out / "explore.html").read_text("utf-8")


def test_every_table_is_documented(page, repository):
    said = (repository / "docs" / "explore.md").read_text("utf-8")
    for path in page[0].glob("*.csv"):
        assert f"`{path.name}`" in said, path.name
        header = path.read_text("utf-8").splitlines()[0].split(",")
        documented = re.search(rf"^\| `{path.name}` \|.*$", said, re.M)
        assert documented, path.name
        lacking = [name for name in header if f"`{re.sub('_p[0-9]+', '_p…', name)}`" not in said]
        assert not lacking, (path.name, lacking)


def radiograph(rows=60, columns=80, *, shape=(600, 800)) -> Radiograph:
    back = Affine.scale(shape[1] / columns, shape[0] / rows)
    return Radiograph(np.full((rows, columns), 0.5, np.float32), Source("x", "png", shape, back))


def boxed(**columns) -> LabelTable:
    boxes = Boxes(np.array([0]), np.array(["mass"]), np.array([[80, 60, 80, 60]]), np.array([True]))
    return table_of(1, ("mass",), columns=columns, boxes=boxes)


def test_boxes_lie_where_readers_drew_them():
    file = boxes_on(boxed(), 0, radiograph())
    np.testing.assert_allclose(file, [[0.1, 0.1, 0.2, 0.2]])
    told = boxed(width_px=np.array([400]), height_px=np.array([300]))
    np.testing.assert_allclose(boxes_on(told, 0, radiograph()), [[0.2, 0.2, 0.4, 0.4]])
    assert boxes_on(table_of(1), 0, radiograph()).shape == (0, 4)


def test_a_drawn_box_is_seen_and_the_rest_is_untouched():
    grey = np.full((100, 200), 90, np.uint8)
    drawn = with_boxes(grey, np.array([[0.25, 0.5, 0.75, 0.9]]), ["Mass"])
    assert drawn.shape == (100, 200, 3)
    assert tuple(drawn[50, 100]) == (0, 159, 230)
    assert (drawn[70, 100] == 90).all()
    assert with_boxes(grey, np.zeros((0, 4)), []) is grey


def test_boxes_of_other_findings_are_thin_and_nameless():
    grey = np.full((100, 200), 90, np.uint8)
    place = np.array([[0.25, 0.5, 0.75, 0.9]])
    own, other = with_boxes(grey, place, ["Mass"]), with_boxes(grey, place, [""])
    assert (own != 90).any(axis=2).sum() > 2 * (other != 90).any(axis=2).sum()
    assert (other[:49] == 90).all()  # nothing written above it


def test_an_example_is_drawn_for_each_finding(tmp_path):
    boxes = Boxes(
        np.array([0, 0]), np.array(["mass", "edema"]),
        np.array([[80, 60, 80, 60], [300, 200, 80, 60]]), np.array([True]),
    )  # fmt: skip
    table = table_of(1, ("mass", "edema"), boxes=boxes)
    with ResultsFolder.open(tmp_path, "exploration") as folder:
        drawn = Examples(folder, table, {"mass": (0,), "edema": (0,)})
        drawn.draw(0, radiograph())
        folder.write_text("explore.html", "")
        folder.finish()
    one, two = ((tmp_path / drawn.drawn()[key][0][1]).read_bytes() for key in ("mass", "edema"))
    assert one != two


def test_what_is_implied_or_none_is_said(tmp_path):
    states = np.array([[1, 1], [1, 0], [0, 0], [3, 3]] * 10, np.uint8)
    explored(tmp_path, table_of(keys=("pneumonia", "viral_pneumonia"), states=states))
    tables = numbers_in(tmp_path / "explore.json")["tables"]
    assert [row["implied"] for row in tables["conditional"]] == ["", "implied"]
    assert {row["findings"] for row in tables["combinations"]} == {
        "none", "pneumonia", "viral_pneumonia",
    }  # fmt: skip
    assert tables["findings_an_image"][-1] == {
        "findings": "unlabelled", "images": 10, "share": 0.25,
    }  # fmt: skip
    text = (tmp_path / "explore.html").read_text("utf-8")
    assert "<td>implied</td>" in text
    assert "Of 10 images nothing is said" in text


def test_pictures_and_examples(tmp_path):
    import cv2

    from hilum.phantoms import draw_chest

    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    chest = draw_chest(np.random.default_rng(0), size=(90, 80))
    for name in ("0.png", "a 1&2.png"):
        cv2.imwrite(str(images / name), np.rint(chest.pixels * 255).astype(np.uint8))
    (images / "2.png").write_text("no picture")
    names = ["0.png", "a 1&2.png", "2.png", "3.png"]
    table = table_of(4, images=names, states=np.ones((4, 3), np.uint8))
    files = find_images(table, images)
    with ResultsFolder.open(out, "exploration") as folder:
        drawn = Examples(folder, table, {"mass": (0, 1, 2)})
        survey = Survey.of(look_at(files, [0, 1, 2], workers=1, also=drawn.draw), files.missing)
        found = explore(table, rng=np.random.default_rng(0), survey=survey)
        source = Explored(name="labels.csv", table=table, examples=drawn.drawn())
        write(folder, source, found)
        folder.finish()
    assert {row for row, _ in source.examples["mass"]} == {0, 1}
    text = (out / "explore.html").read_text("utf-8")
    assert 'src="examples/mass/a%201%262.png.jpg"' in text
    for _, name in source.examples["mass"]:
        assert (out / name).is_file()
    assert "1 could not be read (not-an-image)" in " ".join(text.split())
    assert "1 image of the table has no file" in text
    with (out / "picture_facts.csv").open(encoding="utf-8", newline="") as file:
        facts = list(csv.DictReader(file))
    assert [row["refused"] for row in facts] == ["", "", "not-an-image"]


def fill(out, *names: str) -> None:
    with ResultsFolder.open(out, "exploration") as folder:
        for name in names:
            folder.write_text(name, f"ours {len(names)}")
        folder.finish()


def test_a_later_run_replaces_its_own_files_and_no_others(tmp_path):
    fill(tmp_path, "explore.html", "strata.csv", "figures/by_source.png")
    (tmp_path / "mine.txt").write_text("keep")
    fill(tmp_path, "explore.html")
    assert (tmp_path / "explore.html").read_text() == "ours 1"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hilum", "explore.html", "mine.txt"]


@pytest.mark.parametrize("what", ["file", "folder", "reading", "damaged"])
def test_what_is_not_ours_is_refused(what, tmp_path):
    out = tmp_path / "out"
    if what == "file":
        out.write_text("x")
    elif what == "folder":
        out.mkdir()
        (out / "findings.csv").write_text("x")
    else:
        (out / ".hilum").mkdir(parents=True)
        (out / ".hilum" / ("run.json" if what == "reading" else "exploration.json")).write_text("{")
    with pytest.raises(RunError, match=r"choose (another|an empty)"):
        ResultsFolder.open(out, "exploration")
    assert what != "folder" or (out / "findings.csv").read_text() == "x"


def test_a_strange_file_in_a_place_of_ours_is_kept(tmp_path):
    fill(tmp_path, "explore.html")
    (tmp_path / "strata.csv").write_text("mine")
    with pytest.raises(RunError, match=r"strata.csv is not of an earlier exploration"):
        fill(tmp_path, "explore.html", "strata.csv", "new.csv")
    assert (tmp_path / "strata.csv").read_text() == "mine"
    assert (tmp_path / "explore.html").read_text() == "ours 1"
    assert not (tmp_path / "new.csv").exists()  # nothing half-written


def test_a_run_that_fails_leaves_nothing(tmp_path):
    out = tmp_path / "new"

    def fail() -> None:
        with ResultsFolder.open(out, "exploration") as folder:
            folder.write_text("explore.html", "half")
            raise RunError("stopped")

    with pytest.raises(RunError, match="stopped"):
        fail()
    assert not out.exists()


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    from pathlib import Path

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "out"
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match="No space left on device"):
        fill(out, "explore.html")
    assert not out.exists()


def test_one_run_at_a_time(tmp_path):
    with ResultsFolder.open(tmp_path, "exploration"), pytest.raises(RunError, match="Another run"):
        ResultsFolder.open(tmp_path, "exploration")


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0"), (0.0004, "<0.1"), (0.0006, "0.1"), (0.0994, "9.9"), (0.0996, "10"), (1, "100")],
)
def test_shares_are_short(share, text):
    assert percent(share) == text
