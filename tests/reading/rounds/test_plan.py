"""Plans as data."""

from __future__ import annotations

import pytest

from hilum.errors import RecipeError
from hilum.reading.rounds import Plan, plan, read_plan, said_of, written
from hilum.transforms.rounds import SETS, ten

TEXT = """
name = "mine"
each = "previous"
join = "weighted"
abstain_above = 0.1

[weights]
pneumonia = [1.0, 2.0]
others = [1.0, 1.0]

[operating_points]
pneumonia = 0.3

[[rounds]]
name = "plain"

[[rounds]]
name = "soft"
steps = [{ do = "gaussian-blur", sigma_px = 2 }, { do = "flip-left-right" }]
"""


@pytest.mark.parametrize("name", list(SETS))
def test_every_set_is_written_and_read_back(name, tmp_path):
    (tmp_path / "a.toml").write_text(written(plan(name)), "utf-8")
    assert read_plan(tmp_path / "a.toml") == plan(name)


def test_a_file_holds_all_that_a_plan_has(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(TEXT, "utf-8")
    found = plan(file)
    assert found.rounds.each == "previous"
    assert [len(chain) for chain in found.rounds.chains] == [0, 2]
    assert found.weight_rows(("pneumonia", "mass")) == [(1.0, 2.0), (1.0, 1.0)]
    assert (found.operating_points, found.abstain_above) == ({"pneumonia": 0.3}, 0.1)
    file.write_text(written(found), "utf-8")
    assert plan(file) == found
    changed = plan(file, join="mean", abstain_above=0.2)
    assert (changed.join, changed.abstain_above) == ("mean", 0.2)
    assert said_of(changed) != said_of(found)
    assert said_of(plan(file)) == said_of(found)
    assert plan(changed) is changed
    assert plan(ten()).rounds == ten()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name = "mine"', 'name = "Mine!"'), "mine.toml: name: String should match"),
        (('join = "weighted"', 'join = "median"'), "mine.toml: join: Input should be"),
        (("sigma_px = 2", "sigma_px = 99"), "round soft: gaussian-blur: sigma_px must lie"),
        (("gaussian-blur", "blurr"), "round soft: Unknown transform of reading rounds"),
        (('do = "flip-left-right"', "by = 2"), 'round soft: a step needs do = "…"'),
        (("[1.0, 2.0]", "[1.0]"), "mine, pneumonia: weights must be one a round, 2"),
        (("= 0.3", "= 1.3"), "operating point of pneumonia must lie"),
        (("= 0.1", "= 0.7"), "abstain_above is a standard deviation"),
        (("[[rounds]]", "[[rounds"), "is no TOML"),
        (("[1.0, 2.0]", "[" * 3000 + "]" * 3000), "lists within lists too deep"),
        (("sigma_px = 2", f"sigma_px = {'9' * 401}"), "sigma_px must lie.*got a number beyond"),
        (("sigma_px = 2", f"sigma_px = {'9' * 5000}"), "is no TOML: Exceeds the limit"),
        (("sigma_px = 2", "sigma_px = [1, 2]"), r"sigma_px must be a number, got list"),
        (("sigma_px = 2", f"sigma_px = [0x{'f' * 5000}]"), "must be a number, got list"),
        (("= 0.1", f"= {'9' * 401}"), "mine.toml: abstain_above"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path, change, message):
    file = tmp_path / "mine.toml"
    file.write_text(TEXT.replace(*change, 1), "utf-8")
    with pytest.raises(RecipeError, match=message):
        plan(file)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(TEXT, "utf-8-sig")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert plan(file).rounds.name == "mine"


def test_names_and_weights_that_are_missing_are_told(tmp_path):
    with pytest.raises(RecipeError, match="did you mean ten"):
        plan("tne")
    with pytest.raises(RecipeError, match="has no weights to join by"):
        plan("ten", join="weighted")
    with pytest.raises(RecipeError, match="Unknown join 'mode'"):
        plan("ten", join="mode")
    own = Plan(ten(), "weighted", weights={"mass": (1.0,) * 10})
    with pytest.raises(RecipeError, match="no weights for effusion and 1 more"):
        own.weight_rows(("effusion", "mass", "nodule"))
    folder = tmp_path / "a.toml"
    folder.mkdir()
    with pytest.raises(RecipeError, match="or a TOML file"):
        plan(folder)
