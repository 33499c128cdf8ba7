"""Boxes on the page, in a real browser. Needs Debian's chromium."""

import shutil
from dataclasses import replace

import pytest

from hilum.domain import FoundBox
from hilum.report.boxes import colour_of
from hilum.report.folder import OutputFolder
from tests.report.test_browser import drive

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed"),
]

KEYS = ("effusion", "nodule")
BOXES = (
    FoundBox("effusion", 0.87, (20, 60, 40, 40), "detector", ("right lower",), 0.8, (41.2, 63.3)),
    FoundBox("nodule", 0.33, (70, 5, 20, 12), "heatmap", (), 0.05),
)

# Share of the upright middle third of a box's left edge that has its colour.
EDGE = """
const edge = (at, rgb) => {
  const canvas = $("#v-boxes"), ratio = canvas.width / stage.clientWidth;
  const [left, top, , tall] = onStage(view.detail.boxes[at].corners);
  const pen = canvas.getContext("2d");
  const [x, y] = [Math.round(left * ratio), Math.round((top + tall / 6) * ratio)];
  const high = Math.round(tall * ratio * 2 / 3);
  const data = pen.getImageData(x - 1, y, 3, high).data;
  let lit = 0;
  for (let i = 0; i < high; i++) {
    const near = [0, 1, 2].some((j) => {
      const k = 4 * (3 * i + j);
      return rgb.every((c, n) => Math.abs(c - data[k + n]) < 50) && data[k + 3] > 200;
    });
    lit += near;
  }
  return lit / high;
};
"""


@pytest.fixture(params=["one file", "data beside"])
def page(request, make, tmp_path):
    def item(name, boxes, **options):
        return replace(make.reading(name, **options), boxed=KEYS, boxes=boxes)

    items = [
        item("a.png", BOXES, shape=(240, 200)),
        item("b.png", ()),
        item("c.png", BOXES[1:]),
        make.reading("d.png"),
    ]
    if request.param == "data beside":
        items += [make.reading(f"z{i:03d}.png", shape=(20, 20)) for i in range(60)]
    card = make.card(boxes=[{"key": key} for key in KEYS], graph={"boxes": "boxes"})
    bundle = replace(make.bundle(), card=card)
    with OutputFolder.open(tmp_path / "out", bundle=bundle, boxes=True) as folder:
        for one in items:
            folder.add(folder.draw(one))
        return folder.finish()


def test_boxes_in_the_table_and_its_filter(page, tmp_path):
    seen = drive(
        page,
        """
        seen.marks = [...document.querySelectorAll("#rows tr")].slice(0, 4).map(
          (row) => row.children[2].lastElementChild.textContent);
        set("#f-boxes", "some"); seen.some = names();
        set("#f-boxes", "none"); seen.none = names();
        set("#f-boxes", "0"); seen.effusion = names();
        set("#f-boxes", "1"); seen.nodule = names();
        click("#language");
        seen.zh = [...document.querySelectorAll("#f-boxes option")].map((one) => one.textContent);
        seen.wide = document.documentElement.scrollWidth <= innerWidth;
        """,
        tmp_path,
        size="500,900",
    )
    assert seen["marks"] == [
        " Pleural effusion · 0.87 Nodule · 0.33",
        "no box",
        " Nodule · 0.33",
        "No boxes were looked for on this image.",
    ]
    assert seen["some"] == ["a.png", "c.png"]
    assert seen["none"] == ["b.png"]  # not those that none were looked for on
    assert seen["effusion"] == ["a.png"]
    assert seen["nodule"] == ["a.png", "c.png"]
    assert seen["zh"] == ["不限", "有標示框", "無標示框", "肋膜積液", "結節"]
    assert seen["wide"], "the page scrolls sideways on a narrow screen"


def test_boxes_in_the_viewer(page, tmp_path):
    effusion, nodule = (list(colour_of(key)) for key in KEYS)
    seen = drive(
        page,
        EDGE
        + f"""
        const e = {effusion}, n = {nodule};
        """
        + """
        openViewer(0);
        await until(() => $("#v-picture").width && $("#v-boxlist .box"));
        seen.lines = [...document.querySelectorAll("#v-boxlist .box")].map((x) => x.textContent);
        seen.hint = text("#v-boxlist > p:last-child");
        seen.drawn = [edge(0, e), edge(1, n)];
        key("+"); key("+"); seen.zoomed = edge(0, e);
        key("0");
        const check = document.querySelector("#v-boxlist input");
        check.checked = false; check.dispatchEvent(new Event("input", { bubbles: true }));
        seen.one = [edge(0, e), edge(1, n)];
        check.checked = true; check.dispatchEvent(new Event("input", { bubbles: true }));
        key("b"); seen.off = [edge(0, e), edge(1, n)];
        key("b"); seen.on = edge(0, e);
        key("ArrowRight"); await until(() => text("#v-boxlist").includes("No box of"));
        seen.none = text("#v-boxlist");
        key("ArrowRight"); key("ArrowRight");
        await until(() => text("#v-boxlist").includes("looked for"));
        seen.blank = !document.querySelector("#v-boxlist .box");
        """,
        tmp_path,
    )
    assert seen["lines"] == [
        "0.87 right lower · 80 % in the lungs · 41 × 63 mm",
        "0.33 outside the lungs (5 % in them)",
    ]
    assert seen["hint"].startswith("Drawn by a network that learnt from boxes of readers. Chosen ")
    whole, dashed = seen["drawn"]
    assert whole == 1
    assert 0.4 < dashed < 0.9
    assert seen["zoomed"] == 1
    assert seen["one"] == [0, pytest.approx(dashed)]
    assert seen["off"] == [0, 0]
    assert seen["on"] == 1
    assert seen["none"] == "No box of: Pleural effusion, Nodule."
    assert seen["blank"]


def test_what_boxes_are_not_looked_for_is_no_finding_without_a_box(make, tmp_path):
    """Boxes of effusion alone, by heatmaps: drawn only where effusion is called present."""

    def item(name, *probabilities, boxes=()):
        read = make.reading(name, probabilities)
        return replace(read, boxed=("effusion",), boxes=boxes)

    found = replace(BOXES[0], origin="heatmap")
    items = [
        item("a.png", 0.9, 0.1, 0.01),  # cardiomegaly
        item("b.png", 0.9, 0.9, 0.01),  # both, no box
        item("c.png", 0.1, 0.1, 0.01),  # nothing
        item("d.png", 0.9, 0.9, 0.01, boxes=(found,)),
    ]
    with OutputFolder.open(tmp_path / "out", bundle=make.bundle(), boxes=True) as folder:
        for one in items:
            folder.add(folder.draw(one))
        page = folder.finish()
    seen = drive(
        page,
        """
        seen.marks = [...document.querySelectorAll("#rows tr")].map((row) =>
          [...row.children[2].querySelectorAll(".boxmark")].map((x) => x.textContent.trim()));
        openViewer(0); seen.lists = [];
        for (const name of "abcd") {
          await until(() => text("#v-name") === `${name}.png` && view.detail);
          seen.lists.push([...document.querySelectorAll("#v-boxlist > p")].map(
            (x) => x.textContent));
          key("ArrowRight");
        }
        """,
        tmp_path,
    )
    other = "Boxes are not looked for: Cardiomegaly."
    found = ["Pleural effusion · 0.87", other]
    assert seen["marks"] == [[other], ["no box", other], ["no box"], found]
    a, b, c, d = seen["lists"]
    assert a[:-1] == [other]
    assert b[:-1] == ["No box of: Pleural effusion.", other]
    assert c[:-1] == ["Nothing is called present that boxes are drawn of."]
    assert d[:-1] == [other]


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("patient", "41 × 63 mm"),
        ("detector", "41 × 63 mm on the detector"),
        ("unknown", "41 × 63 mm (unknown whether in the patient or on the detector)"),
    ],
)
def test_where_millimetres_hold_is_said(make, tmp_path, at, said):
    read = make.reading("a.png")
    facts = replace(read.acquisition, spacing_mm=(0.2, 0.2), spacing_at=at)
    item = replace(read, acquisition=facts, boxed=KEYS[:1], boxes=BOXES[:1])
    with OutputFolder.open(tmp_path / "out", bundle=make.bundle(), boxes=True) as folder:
        folder.add(folder.draw(item))
        page = folder.finish()
    seen = drive(
        page,
        """
        openViewer(0); await until(() => $("#v-boxlist .box"));
        seen.line = text("#v-boxlist .box");
        click("#language"); await showRow(0); seen.zh = text("#v-boxlist .box");
        """,
        tmp_path,
    )
    assert seen["line"].endswith(f" · {said}")
    assert ("不明" in seen["zh"]) == (at == "unknown")


def test_a_page_of_boxes_alone(make, tmp_path):
    card = make.card(findings=[], results=[], boxes=[{"key": "effusion"}], graph={"boxes": "boxes"})
    item = replace(
        make.reading("a.png"), predictions=(), heatmaps=(), boxed=("effusion",), boxes=BOXES[:1]
    )
    bundle = replace(make.bundle(), card=card)
    with OutputFolder.open(tmp_path / "out", bundle=bundle, boxes=True) as folder:
        folder.add(folder.draw(item))
        page = folder.finish()
    seen = drive(
        page,
        """
        seen.row = document.querySelector("#rows tr").children[2].textContent;
        openViewer(0);
        await until(() => $("#v-picture").width && $("#v-boxlist .box"));
        seen.verdict = text("#v-verdict");
        key("ArrowDown"); key("ArrowDown");
        """,
        tmp_path,
    )
    assert seen["row"] == " Pleural effusion · 0.87"
    assert "no box does not mean a normal chest" in seen["verdict"]
