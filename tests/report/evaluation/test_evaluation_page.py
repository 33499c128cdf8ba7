import csv
import json
import re
from dataclasses import replace
from html import unescape

import pytest

from hilum.errors import MissingExtra, RunError
from hilum.evaluation import Measure
from hilum.report.evaluation import write
from hilum.report.evaluation.figures import figures
from hilum.report.results_folder import ResultsFolder

from .conftest import KEYS


def text_of(page) -> str:
    """What a reader sees: no styles, no pictures, no marks."""
    html = page.read_text("utf-8")
    body = re.sub(r"<style>.*?</style>|data:image[^\"]*", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.fixture(scope="module")
def text(page):
    return text_of(page)


def test_the_headline_says_what_was_measured_on_whom(page, text, appraisal):
    assert page.name == "index.html"
    assert "A <model> & its scores was evaluated on 240 radiographs of 220 patients" in text
    assert f"{appraisal.means.auroc.macro.value:.3f} macro AUROC of 2 findings" in text
    assert "95 %: 0.740 to 0.900" in text
    assert "0.700 macro AUROC within road" in text
    assert "share no patient with those that were tested" in text
    assert "The scores follow the road." in text
    assert "3 images of the predictions are not in the labels: left out." in text
    assert text.index("The scores follow") < text.index("Average precision")


def test_what_is_undefined_is_said_with_its_reason(text):
    assert re.search(r"Hiatal hernia .{0,20} 0 240 undefined no positive undefined no pos", text)
    assert "Macro AUROC: mean of 2 of 3; left out: Hiatal hernia (no positive)." in text
    assert "no threshold: one class alone on the tune rows" in text
    assert "nan" not in text.casefold().split()


@pytest.mark.parametrize(
    "section",
    ["findings", "points", "calibration", "baselines", "comparison", "subgroups", "tail", "each",
     "localisation", "survival", "methods", "checklists", "inputs", "files"],
)  # fmt: skip
def test_every_section_is_there_and_can_be_reached(page, section):
    html = page.read_text("utf-8")
    assert f'<section id="{section}"' in html
    assert f'<a href="#{section}">' in html


def test_numbers_stand_where_they_belong(text):
    assert "gain over metadata" in text
    assert "right in 0.667" in text
    assert re.search(r"Mass .{0,8} 0\.700 0\.660 to 0\.740 0\.750 0\.710 to 0\.790 −0\.050", text)
    assert re.search(r"under <40> years 90 80 0\.750 0\.710 to 0\.790 −0\.050 .* 0\.024", text)
    assert "log-rank" not in text  # it is drawn; the words are
    assert "Log-rank test of no difference: p < 0.001" in text
    assert "An interval 0.1 wide takes about 150 with the finding and 900 without" in text
    assert "sha256 " + "ab" * 32 in text


def test_the_page_is_whole_in_itself(page):
    html = page.read_text("utf-8")
    assert not re.findall(r'(?:src|href)="https?:', html)
    assert "<script" not in html
    assert "default-src 'none'" in html
    pictures = re.findall(r'<img src="([^"]{30})', html)
    assert pictures
    assert all(uri.startswith("data:image/svg+xml;base64,") for uri in pictures)
    ids = re.findall(r' id="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'href="#([^"]+)"', html):
        assert target in ids
    for file in re.findall(r'href="([^"#:]+\.(?:csv|json|txt|png|svg))"', html):
        assert (page.parent / file).is_file(), file


def test_every_figure_is_written_as_png_and_svg(page, appraisal):
    names = set(figures(appraisal))
    kinds = {name.removesuffix(f"-{key}") for name in names for key in KEYS if key in name}
    assert kinds == {"roc", "precision-recall", "scores", "reliability", "decision-curve",
                     "risk-coverage", "decisions", "froc"}  # fmt: skip
    assert {"findings", "survival", "comparison-1", "groups-age"} <= names
    found = {p.name for p in (page.parent / "figures").iterdir()}
    assert found == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}


def test_the_same_appraisal_gives_the_same_page(page_of_classes, one_of):
    before = page_of_classes.read_bytes()
    assert write(one_of, page_of_classes.parent).read_bytes() == before


def test_classes_of_which_one_holds(page_of_classes):
    text = text_of(page_of_classes)
    assert re.search(
        r"0\.816 accuracy; the commonest class alone 0\.612 95 %: 0\.\d+ to 0\.\d+", text
    )
    assert re.search(r"Mass 0\.833 0\.\d+ to", text)  # recall of 50 of 60
    assert "3 classes of which one holds" in text
    assert "Operating points" not in text
    with (page_of_classes.parent / "confusion.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1] == ["effusion", "30", "5", "0"]


def test_next_to_nothing_still_makes_a_page(one_of, tmp_path):
    none = Measure(None, "no positive")
    bare = [replace(f, auroc=none, roc=None, precision_recall=None, histogram=None,
                    reliability=None, decision_curve=None, risk_coverage=None, line=None)
            for f in one_of.findings]  # fmt: skip
    means = replace(one_of.means, auroc=replace(one_of.means.auroc, macro=none))
    little = replace(one_of, findings=tuple(bare), means=means, table=None, task="multi-label")
    text = text_of(write(little, tmp_path / "out"))
    assert "undefined macro AUROC" in text
    assert "3 findings without an AUROC" in text
    assert not (tmp_path / "out" / "figures").exists()


def test_many_findings_are_listed_and_the_commonest_drawn(one_of, monkeypatch, tmp_path):
    monkeypatch.setattr("hilum.report.evaluation.figures.DRAWN", 1)
    written = write(one_of, tmp_path / "out")
    text = text_of(written)
    assert "2 more stand in the tables" in text
    assert not (written.parent / "figures" / "roc-mass.svg").exists()


def test_a_name_from_outside_does_no_harm(page):
    html = page.read_text("utf-8")
    assert "<model>" not in html
    assert "under <40>" not in html
    with (page.parent / "subgroups.csv").open(encoding="utf-8", newline="") as file:
        groups = {row["group"] for row in csv.DictReader(file)}
    assert groups == {"under <40> years", "'=40 and over"}


def test_a_folder_that_was_opened_before_keeps_what_it_was_given(one_of, tmp_path, undrawn):
    with ResultsFolder.open(tmp_path / "out", "evaluation") as folder:
        folder.write_csv("predictions.csv", ("image", "mass"), [("a.png", 0.5)])
        written = write(one_of, folder)
    assert 'href="predictions.csv"' in written.read_text("utf-8")
    assert (written.parent / "predictions.csv").is_file()


def test_results_of_another_kind_are_not_written_over(one_of, tmp_path):
    with ResultsFolder.open(tmp_path, "exploration") as folder:
        folder.write_text("explore.html", "")
        folder.finish()
    with pytest.raises(RunError, match="not results of an earlier evaluation"):
        write(one_of, tmp_path)


def test_without_matplotlib(one_of, tmp_path, monkeypatch):
    monkeypatch.setattr("hilum.report.drawing.can_draw", lambda: False)
    with pytest.raises(MissingExtra, match=r"hilum\[analyse\]"):
        write(one_of, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_json_names_no_nan(page):
    def no_constant(name: str) -> None:
        raise AssertionError(name)

    data = json.loads(
        (page.parent / "appraisal.json").read_text("utf-8"), parse_constant=no_constant
    )
    assert data["findings"][2]["auroc"]["value"] is None
