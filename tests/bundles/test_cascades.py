"""Cascades as data: what is shipped, and what is wrong with a file, all at once."""

import pytest
from pydantic import ValidationError

from hilum.bundles import available as bundles
from hilum.bundles.cascades import Cascade, Condition, about, available, load
from hilum.errors import CascadeError

HEAD = 'name = "mine"\nversion = "1.0.0"\nsummary = "Mine."\n'
FIRST = '[[stage]]\nname = "one"\nbundle = "chest14"\n'


def second(when: str, name: str = "two") -> str:
    return f'[[stage]]\nname = "{name}"\nbundle = "chest14"\nwhen = {when}\n'


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("name", available())
def test_a_shipped_cascade_is_valid_and_called_as_its_file(name):
    cascade = load(name)
    assert cascade.name == name
    assert name not in bundles()
    assert about(name).startswith("#")


def test_the_cascade_of_the_study_is_shipped():
    covid, findings = load("covid-then-findings").stages
    assert (covid.bundle, covid.when) == ("covid", None)
    assert (findings.bundle, str(findings.when)) == ("chest14", "covid.covid_19 is negative")


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ('{ finding = "one.mass", is = "abstained" }', "one.mass is abstained"),
        ('{ finding = "one.mass", probability_below = 0.2 }', "probability of one.mass below 0.2"),
        (
            '{ finding = "one.mass", probability_at_least = 0.1, probability_below = 0.5 }',
            "probability of one.mass at least 0.1 and below 0.5",
        ),
        ('{ stage = "one", is = "not-asked" }', "stage one is not asked"),
        (
            """{ any = [{ finding = "one.mass", is = "positive" }, { all = [
               { stage = "one", is = "read" }, { not = { finding = "one.nodule", is = "positive" } }
               ] }] }""",
            "one.mass is positive or (stage one is read and not (one.nodule is positive))",
        ),
    ],
)
def test_a_condition_says_itself_in_words(written, when, words):
    assert str(load(written(HEAD + FIRST + second(when))).stages[1].when) == words


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{ }", "a condition needs one of finding, stage, all, any, not"),
        ('{ finding = "one.mass", stage = "one", is = "read" }', "and one only"),
        ('{ finding = "one.mass" }', "needs `is`, or probability_at_least"),
        ('{ finding = "one.mass", is = "positive", probability_below = 0.2 }', "needs `is`, or"),
        ('{ finding = "one.mass", is = "read" }', "a finding is one of positive, negative"),
        ('{ finding = "mass", is = "positive" }', "should match pattern"),
        ('{ stage = "one", is = "positive" }', "a stage `is` one of read, refused, not-asked"),
        ('{ stage = "one", probability_below = 0.2 }', "a probability is that of a finding"),
        ('{ not = { stage = "one", is = "read" }, is = "read" }', "`is` goes with a finding"),
        ('{ finding = "one.mass", probability_below = 1.5 }', "less than 1, got 1.5"),
        (
            '{ finding = "one.mass", probability_at_least = 0.6, probability_below = 0.5 }',
            "probability_at_least must lie below probability_below",
        ),
        ("{ all = [] }", "need at least one condition"),
        ('{ finding = "oen.mass", is = "positive" }', "Unknown stage 'oen'; did you mean one?"),
        ('{ finding = "two.mass", is = "positive" }', "which is this very stage"),
        ('{ not = { any = [{ stage = "three", is = "read" }] } }', "'three', which reads later"),
    ],
)
def test_a_wrong_condition_is_named(written, when, said):
    text = HEAD + FIRST + second(when) + second('{ stage = "one", is = "read" }', "three")
    with pytest.raises(CascadeError, match=r"mine\.toml: 1 fault in the cascade") as error:
        load(written(text))
    assert "\n  stage.2" in str(error.value)
    assert said in str(error.value)


def test_all_faults_are_told_at_once(written):
    text = (
        'name = "No Name"\nversion = "1"\n'
        '[[stage]]\nname = "one"\nbundel = "x"\nwhen = { stage = "two", is = "read" }\n'
        '[[stage]]\nname = "one"\nbundle = "chest14"\nabstain = { mass = [0.5, 0.2] }\n'
    )
    with pytest.raises(CascadeError) as error:
        load(written(text))
    message = str(error.value)
    assert message.count("\n  ") == 8
    for part in (
        "name: String should match pattern",
        "version: String should match pattern",
        "summary: Field required",
        "stage.1.bundle: Field required",
        "stage.1.bundel: Extra inputs are not permitted",
        "stage.1: the first stage reads everything",
        "abstain.mass: 0.5 must lie below 0.2",
        "a second stage is named 'one'",
    ):
        assert part in message


def test_made_in_python_it_is_checked_as_well():
    stages = [{"name": "one", "bundle": "a"}, {"name": "one", "bundle": "b"}]
    facts = {"name": "mine", "version": "1.0.0", "summary": "Mine."}
    with pytest.raises(ValidationError, match="a second stage is named 'one'"):
        Cascade(**facts, stages=stages)
    assert Cascade(**facts, stages=stages[:1]).stages[0].name == "one"
    assert Condition.model_validate({"stage": "one", "is": "read"}).is_ == "read"


def test_a_bundle_beside_the_file_is_found_from_anywhere(written, monkeypatch, tmp_path):
    path = written(HEAD + '[[stage]]\nname = "one"\nbundle = "nets/own"\n')
    (tmp_path / "nets" / "own").mkdir(parents=True)
    monkeypatch.chdir("/")
    assert load(path).stages[0].bundle == str(tmp_path / "nets" / "own")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: "covid-then-finding", "did you mean covid-then-findings?"),
        (lambda folder: folder / "none.toml", "there is no such file"),
        (lambda folder: folder, "is a folder; a cascade is a TOML file"),
    ],
)
def test_what_is_no_cascade_is_told(make, said, tmp_path):
    with pytest.raises(CascadeError, match=said.replace("?", r"\?")):
        load(make(tmp_path))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"name = ", "is no TOML"),
        (b"\xff\xfe\x00", "is no TOML"),
        ((HEAD + "stage = []").encode(), "needs at least one stage"),
        (b"#" * (1 << 21), "too large for a cascade"),
        (
            (HEAD + FIRST + second("{ not = " * 5000 + "}" * 5000)).encode(),
            "is nested too deeply",
        ),
    ],
)
def test_a_file_that_is_none_is_told(data, said, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(data)
    with pytest.raises(CascadeError, match=said):
        load(path)
