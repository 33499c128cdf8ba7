"""Every word of every page, in both languages."""

import json
import re
from importlib.resources import files
from string import Formatter
from typing import get_args

import pytest

from hilum.bundles import load
from hilum.domain.found import Origin
from hilum.report.templating import asset
from hilum.service.web.downloads import KINDS
from hilum.service.web.pages.status import ROLES
from hilum.service.web.people import ORDER
from hilum.service.web.templating import environment, finding_name, island, words

FOLDER = files("hilum.service.web")
OURS = sorted(
    (one for one in FOLDER.iterdir() if one.name.startswith("words")), key=lambda one: one.name
)
FIELDS = {"t": r'\bt\(\s*"(\w+)"(?!\s*~)', "nav": r'\(("[A-Z?]"|"↑ ↓"|"← →"|"\+ −"|"0"), "(\w+)"\)'}


@pytest.mark.parametrize("file", OURS, ids=lambda one: one.name)
def test_both_languages_have_the_same_words_with_the_same_fields(file) -> None:
    table = json.loads(file.read_text("utf-8"))
    assert set(table) == {"en", "zh"}
    assert table["en"].keys() == table["zh"].keys()
    for key, english in table["en"].items():
        fields = [
            {field for _, field, _, _ in Formatter().parse(text) if field is not None}
            for text in (english, table["zh"][key])
        ]
        assert fields[0] == fields[1], key
        assert english.strip(), key
        assert table["zh"][key].strip(), key


def test_no_word_of_one_file_hides_another() -> None:
    seen: dict[str, str] = {}
    for file in OURS:
        for key in json.loads(file.read_text("utf-8"))["en"]:
            assert key not in seen, f"{key} in {file.name} and {seen[key]}"
            seen[key] = file.name


def test_templates_and_scripts_ask_for_words_that_there_are() -> None:
    known = words("en")
    asked = 0
    for name in environment().list_templates():
        text = (FOLDER / "templates" / name).read_text("utf-8")
        for key in re.findall(FIELDS["t"], text):
            assert key in known, f"{name}: {key}"
            asked += 1
    assert asked > 100


def test_words_that_are_put_together_are_there() -> None:
    wanted = {
        "state": ("waiting", "read", "refused", "failed"),
        "role": ORDER,
        "process": ROLES,
        "sex": ("M", "F", "O"),
        "said": ("present", "absent", "abstained"),
        "box": get_args(Origin),
        "outcome": ("read", "refused", "not_asked", "undecided"),
        "order": ("urgency", "newest", "name"),
        "older_reading": ("waiting", "failed", "refused"),
        "download": [kind.replace("-", "_") for kind in KINDS],
    }
    known = words("en")
    for head, tails in wanted.items():
        for tail in tails:
            assert f"{head}_{tail}" in known


def test_every_template_compiles_and_none_runs_or_styles_in_line() -> None:
    for name in environment().list_templates():
        environment().get_template(name)
        text = (FOLDER / "templates" / name).read_text("utf-8")
        assert not re.search(r"\sstyle=|\son\w+=|hx-on|javascript:|<style", text), name
        for attributes in re.findall(r"<script([^>]*)>", text):
            assert "src=" in attributes or "application/json" in attributes, name
        assert "|safe" not in text, name


def test_words_of_reports_are_there_too() -> None:
    assert words("zh-Hant")["research"] == json.loads(asset("words.json"))["zh"]["research"]


def test_names_of_findings_in_the_readers_language() -> None:
    assert finding_name("pneumothorax", "zh-Hant") == "氣胸"
    assert finding_name("pneumothorax", "en") == "Pneumothorax"
    assert finding_name("of_a_later_hilum", "en") == "of_a_later_hilum"


def test_an_island_cannot_be_closed() -> None:
    text = str(island({"a": "</script><script>alert(1)</script>&"}))
    assert "<" not in text
    assert json.loads(text)["a"].startswith("</script>")


@pytest.mark.parametrize("name", ["chest14", "covid"])
def test_what_audits_fail_on_is_said_in_both_languages(name: str) -> None:
    asked = {one.title for one in load(name).card.failed}
    assert asked
    assert not asked - words("zh-Hant").keys()
