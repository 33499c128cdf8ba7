"""Asks the questions of a study, keeps what each finds, and puts the answers into its page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hilum.errors import RunError
from hilum.lock import held
from hilum.report.drawing import drawing, svg
from hilum.studies.pages import placed, read_page
from hilum.studies.questions import Inquiry, Question, Shown, Table
from hilum.studies.running import Bench

NUMBERS = "numbers.json"
"""In the folder of a question: its answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question found.

    Attributes:
        question: which.
        numbers: all of it.
        seeds: that it was measured with.
        seconds: that it took, in the end; what an earlier call had done is not counted.
    """

    question: Question
    numbers: Mapping[str, Any]
    seeds: tuple[int, ...]
    seconds: float

    def shown(self) -> Shown:
        """Its tables, figures and words."""
        return self.question.show(self.numbers)


def ask(
    inquiry: Inquiry, bench: Bench, *, only: Sequence[str] = (), seeds: Iterable[int] | None = None
) -> None:
    """Ask questions; one that has its answer with the same seeds is left.

    Args:
        inquiry: the study.
        bench: where; a question gets a folder of its own in ``bench.out``, and one for what they
            remember together.
        only: names of questions; empty for all.
        seeds: in place of the study's.

    Raises:
        RecipeError: no such question.
        Stopped: it was asked to; the same call goes on.
        RunError: an answer with other seeds is there.
        LabelError: the data are not what the study needs.
    """
    wanted = [inquiry.question(name) for name in only] or list(inquiry.questions)
    numbers = tuple(inquiry.seeds if seeds is None else seeds)
    for at, question in enumerate(wanted, 1):
        folder = bench.out / question.name
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder / "lock", folder):
            found = _answer(question, bench.out)
            if found is not None:
                _same(found, numbers, folder)
                continue
            began = time.monotonic()
            own = replace(bench, out=folder, kept=bench.store)
            told = question.measure(own, numbers)
            seconds = time.monotonic() - began
            _keep(folder / NUMBERS, told, numbers, seconds)
        bench.tell(f"{at} of {len(wanted)} · {question.name} · {seconds:.0f} s")


def _same(found: Answer, seeds: tuple[int, ...], folder: Path) -> None:
    if found.seeds != seeds:
        raise RunError(
            f"{folder} holds an answer with the seeds {_list(found.seeds)}, and {_list(seeds)} are "
            f"asked for. Remove {folder / NUMBERS}, or choose another folder."
        )


def _list(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def _keep(file: Path, told: Mapping[str, Any], seeds: Sequence[int], seconds: float) -> None:
    said = {"seeds": list(seeds), "seconds": round(seconds, 1), "numbers": told}
    text = json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    partial = file.with_name(f"partial-{file.name}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def _answer(question: Question, out: Path) -> Answer | None:
    file = out / question.name / NUMBERS
    if not file.exists():
        return None
    kept = json.loads(file.read_text(encoding="utf-8"))
    return Answer(question, kept["numbers"], tuple(kept["seeds"]), kept["seconds"])


def answers(inquiry: Inquiry, out: Path) -> list[Answer]:
    """What the study's questions have found so far, in their order.

    Raises:
        RunError: nothing yet.
    """
    found = [one for question in inquiry.questions if (one := _answer(question, out))]
    if not found:
        raise RunError(f"{out} holds no answer of the study {inquiry.name} yet: run it first.")
    return found


def publish(inquiry: Inquiry, found: Sequence[Answer], page: Path | None, out: Path) -> list[Path]:
    """Write answers as a sheet, figures and numbers; and into a page.

    Args:
        inquiry: the study.
        found: from :func:`answers`.
        page: has a place ``<!-- begin STUDY/QUESTION -->`` … for each answer;
            figures and numbers are written beside it. None for a sheet in ``out`` alone.
        out: the study's folder.

    Returns:
        What was written.

    Raises:
        RunError: the page is not there, or lacks a place for an answer.
        MissingExtra: matplotlib is not installed.
    """
    folder = out if page is None else page.parent
    text = "" if page is None else read_page(page)
    parts, figures = [], {}
    for answer in found:
        shown = answer.shown()
        part, own = _part(inquiry, answer, shown)
        figures |= own
        parts.append(f"## {answer.question.title}\n\n{part}")
        if page is not None:
            text = placed(text, f"{inquiry.name}/{answer.question.name}", part, page)
    files = {folder / name: data for name, data in figures.items()}
    files[folder / f"{inquiry.name}.json"] = _json(inquiry, found)
    sheet = f"# {inquiry.title}\n\n" + "\n".join(parts)
    files[page or out / f"{inquiry.name}.md"] = (text or sheet).encode()
    for file, data in files.items():
        file.write_bytes(data)
    return list(files)


def _part(inquiry: Inquiry, answer: Answer, shown: Shown) -> tuple[str, dict[str, bytes]]:
    lines = [markdown(table) for table in shown.tables]
    figures = {}
    with drawing("A study"):
        for name, draw in shown.figures.items():
            file = f"{inquiry.name}-{answer.question.name}-{name}.svg"
            figures[file] = svg(draw())
            lines.append(f"![{answer.question.title}: {name}]({file})")
    lines += shown.words
    lines.append(f"*{answer.seconds:.0f} s.*")
    return "\n\n".join(lines) + "\n", figures


def markdown(table: Table) -> str:
    """A table as Markdown, its caption first.

    Raises:
        ValueError: a row has another number of cells than the head.
    """
    rows = [table.head, tuple("---" for _ in table.head), *table.rows]
    if any(len(row) != len(table.head) for row in rows):
        raise ValueError(f"a row of the table {table.head} has another number of cells")
    body = "\n".join(f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in rows)
    return f"{table.caption}\n\n{body}" if table.caption else body


def _json(inquiry: Inquiry, found: Sequence[Answer]) -> bytes:
    said = {
        "study": inquiry.name,
        "questions": {
            one.question.name: {
                "seeds": list(one.seeds),
                "seconds": one.seconds,
                "numbers": one.numbers,
            }
            for one in found
        },
    }
    return (json.dumps(said, indent=1, ensure_ascii=False) + "\n").encode()
