from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")
pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'hilum[analyse]'")

from matplotlib.figure import Figure

from hilum.errors import RecipeError, RunError, Stopped, UnknownName
from hilum.studies import INQUIRIES
from hilum.studies.asking import NUMBERS, answers, ask, markdown, publish
from hilum.studies.questions import Inquiry, Numbers, Question, Shown, Table
from hilum.studies.running import Bench

pytestmark = pytest.mark.train

PAGE = """# A study

<!-- begin two/first -->
<!-- end two/first -->
Between.
<!-- begin two/second -->
old
<!-- end two/second -->
"""


def count(bench: Bench, seeds: Sequence[int]) -> Numbers:
    if why := bench.stop():
        raise Stopped(why)
    assert bench.out.is_dir()
    assert bench.store.parent == bench.out.parent
    return {"images": 12 * len(seeds)}


def show(numbers: Numbers) -> Shown:
    table = Table(("what", "number"), (("images | all", str(numbers["images"])),), "Of drawn ones.")
    return Shown((table,), {"curve": Figure}, ("So it is.",))


def two() -> Inquiry:
    questions = tuple(
        Question(name, name.title(), "It is asked.", count, show, 1.0)
        for name in ("first", "second")
    )
    return Inquiry("two", "Two questions", "For tests.", (0, 1), questions, "anything")


def bench_in(folder: Path, **more: object) -> Bench:
    return Bench(folder, folder, folder / "out", tell=lambda _: None, **more)  # type: ignore[arg-type]


def test_answers_are_kept_and_go_into_the_page(tmp_path: Path) -> None:
    bench, page = bench_in(tmp_path), tmp_path / "two.md"
    page.write_text(PAGE)
    with pytest.raises(RunError, match="holds no answer"):
        answers(two(), bench.out)
    ask(two(), bench, only=["first"])
    kept = bench.out / "first" / NUMBERS
    before = kept.stat().st_mtime_ns
    ask(two(), bench)
    assert kept.stat().st_mtime_ns == before  # what has its answer is left
    found = answers(two(), bench.out)
    assert [one.question.name for one in found] == ["first", "second"]
    files = publish(two(), found, page, bench.out)
    assert {file.name for file in files} == {
        "two-first-curve.svg", "two-second-curve.svg", "two.json", "two.md",
    }  # fmt: skip
    text = page.read_text()
    assert text.count("| images ¦ all | 24 |") == 2
    assert "![First: curve](two-first-curve.svg)" in text
    assert "Between." in text
    assert "old" not in text
    numbers = json.loads((tmp_path / "two.json").read_text())
    assert numbers["questions"]["first"]["numbers"] == {"images": 24}
    publish(two(), found, page, bench.out)
    assert page.read_text() == text  # again, and the same


def test_a_sheet_where_there_is_no_page(tmp_path: Path) -> None:
    bench = bench_in(tmp_path)
    ask(two(), bench, seeds=[3])
    publish(two(), answers(two(), bench.out), None, bench.out)
    assert (bench.out / "two.md").read_text().startswith("# Two questions\n\n## First\n\nOf drawn")


def test_other_seeds_do_not_pass_for_these(tmp_path: Path) -> None:
    bench = bench_in(tmp_path)
    ask(two(), bench, seeds=[3])
    with pytest.raises(RunError, match="holds an answer with the seeds 3, and 0,1 are"):
        ask(two(), bench)


def test_a_study_that_is_stopped_keeps_what_is_done(tmp_path: Path) -> None:
    asked: list[str] = []

    def after_one() -> str:
        asked.append("")
        return "Enough." if len(asked) == 2 else ""

    bench = bench_in(tmp_path, stop=after_one)
    with pytest.raises(Stopped, match="Enough"):
        ask(two(), bench)
    assert [one.question.name for one in answers(two(), bench.out)] == ["first"]
    ask(two(), bench)
    assert len(answers(two(), bench.out)) == 2


def test_what_cannot_be_shown_is_said(tmp_path: Path) -> None:
    bench = bench_in(tmp_path)
    with pytest.raises(RecipeError, match="did you mean first"):
        ask(two(), bench, only=["frist"])
    ask(two(), bench)
    found = answers(two(), bench.out)
    with pytest.raises(RunError, match=r"two\.md is not there"):
        publish(two(), found, tmp_path / "two.md", bench.out)
    (tmp_path / "two.md").write_text("# Nothing\n")
    with pytest.raises(RunError, match="no place between <!-- begin two/first -->"):
        publish(two(), found, tmp_path / "two.md", bench.out)
    with pytest.raises(ValueError, match="another number of cells"):
        markdown(Table(("a", "b"), (("1",),)))


def test_every_inquiry_is_there_and_its_page_has_its_places() -> None:
    for name in INQUIRIES:
        study = INQUIRIES.resolve(name)
        assert study.name == name
        assert len({one.name for one in study.questions}) == len(study.questions) > 0
        page = Path(__file__).parents[2] / "docs" / "studies" / f"{name}.md"
        for one in study.questions:
            assert f"<!-- begin {name}/{one.name} -->" in page.read_text(encoding="utf-8")
    with pytest.raises(UnknownName):
        INQUIRIES.resolve("s9")
