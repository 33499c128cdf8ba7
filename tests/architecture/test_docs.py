"""Commands and code in README and docs that are marked `<!-- runnable -->` run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
MARKED = re.compile(r"<!-- runnable -->\n```(console|python)\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def run(kind: str, code: str, folder: Path) -> None:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
    }
    lines = [line[2:] for line in code.splitlines() if line.startswith("$ ")]
    steps = [["bash", "-c", line] for line in lines]
    if kind == "python":
        steps = [[sys.executable, "-c", code]]
    assert steps, f"nothing to run in: {code}"
    for step in steps:
        done = subprocess.run(
            step,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        # 1: some files were refused, as they should be
        allowed = {0, 1} if kind == "console" and step[-1].startswith("hilum read") else {0}
        assert done.returncode in allowed, f"{step[-1]}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_marked_snippets_run_in_order(page, tmp_path):
    snippets = MARKED.findall(page.read_text("utf-8"))
    if not snippets:
        pytest.skip("no snippet of this page is marked as runnable")
    for kind, code in snippets:
        run(kind, code, tmp_path)


def test_both_readmes_have_runnable_snippets():
    for name in ("README.md", "README.zh-Hant.md"):
        assert len(MARKED.findall((ROOT / name).read_text("utf-8"))) >= 3


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_two_readmes_run_the_same():
    one, two = (
        [code for _, code in MARKED.findall((ROOT / name).read_text("utf-8"))]
        for name in ("README.md", "README.zh-Hant.md")
    )
    without_comments = [[re.sub(r"#.*", "", c) for c in page] for page in (one, two)]
    assert without_comments[0] == without_comments[1]
