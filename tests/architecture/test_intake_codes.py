"""``docs/intake.md`` explains every code that intake can give, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from hilum import errors

CODE = re.compile(r"`([a-z][a-z0-9-]+)`")


def trees(folder: Path) -> Iterator[ast.AST]:
    for path in sorted(folder.rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text("utf-8")))


def notes(repository: Path) -> dict[str, bool]:
    """Codes that imaging gives, and whether they warn, from each Note(code, message, warning)."""
    found: dict[str, bool] = {}
    for node in trees(repository / "src" / "hilum" / "imaging"):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Note":
            said = {str(number): value for number, value in enumerate(node.args)}
            said |= {word.arg or "": word.value for word in node.keywords}
            code, warning = said["0"], said.get("2", said.get("warning", ast.Constant(True)))
            assert isinstance(code, ast.Constant), f"no code to look up: {ast.unparse(node)}"
            assert isinstance(code.value, str)
            assert isinstance(warning, ast.Constant)
            found[code.value] = bool(warning.value)
    return found


def of_runs(repository: Path) -> set[str]:
    """Codes that a run adds when it sees two files with one name."""
    found: set[str] = set()
    for node in trees(repository / "src" / "hilum" / "report"):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "code":
                    found |= {value.value} if isinstance(value, ast.Constant) else set()
    return found


def refusals() -> set[str]:
    kinds = [errors.IntakeError, *errors.IntakeError.__subclasses__()]
    return {kind.code for kind in kinds if kind.__module__ == "hilum.errors"}


def explained(page: str) -> set[str]:
    """Codes at the start of a row, and those that a mend gives."""
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    mended = re.findall(r"`(mended-[a-z-]+)`", page)
    return {code for row in rows for code in CODE.findall(row[1])} | set(mended)


def test_every_code_is_explained(repository: Path):
    page = (repository / "docs" / "intake.md").read_text("utf-8")
    given = {*notes(repository), *of_runs(repository), *refusals()}
    assert len(given) > 30
    assert given - explained(page) == set()
    assert explained(page) - given == {"failed"}  # given by the command line


def test_warnings_are_marked(repository: Path):
    page = (repository / "docs" / "intake.md").read_text("utf-8")
    marked = {
        code: row[2].strip() == "w"
        for row in (line.split("|") for line in page.splitlines() if line.startswith("| `"))
        if row[2].strip() in ("", "w")
        for code in CODE.findall(row[1])
    }
    warns = notes(repository)
    assert {code: warns[code] for code in marked if code in warns} == {
        code: mark for code, mark in marked.items() if code in warns
    }
    assert len(marked) > 20
