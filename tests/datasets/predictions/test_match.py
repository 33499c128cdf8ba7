"""Predictions beside a label table."""

import numpy as np
import pytest

from hilum.bundles.card import TrainingData
from hilum.datasets.predictions import Asked, Predictions, match
from hilum.domain import LabelTable, Split, State
from hilum.domain.text import text
from hilum.errors import LabelError


def table(n=8, **columns):
    states = np.array([[i % 2, (i // 2) % 2] for i in range(n)], np.uint8)
    return LabelTable(
        images=[f"folder/{i}.png" for i in range(n)],
        findings=("mass", "effusion"),
        states=states,
        patients=[f"p{i}" for i in range(n)],
        columns=columns,
    )


def predictions(images, values=None, findings=("mass", "effusion"), **facts):
    images = list(images)
    given = np.full((len(images), len(findings)), 0.5) if values is None else values
    return Predictions("mine", text(images), findings, np.asarray(given, np.float64), **facts)


def every(n=8):
    return [f"folder/{i}.png" for i in range(n)]


def test_images_are_matched_by_name():
    values = np.arange(16).reshape(8, 2) / 16
    found = match(predictions(every()[::-1], values[::-1]), table())
    assert found.scores.tolist() == values.tolist()
    assert found.tested.all()
    assert not found.warnings


@pytest.mark.parametrize(
    ("names", "how"),
    [
        ([f"/data/x/{i}.png" for i in range(8)], "last part of their paths."),
        ([f"C:\\x\\{i}.png" for i in range(8)], "last part of their paths."),
        ([f"{i}" for i in range(8)], "without its ending"),
        ([f"{i}.dcm" for i in range(8)], "without its ending"),
    ],
)
def test_images_are_matched_by_the_last_part_of_their_names(names, how):
    found = match(predictions(names), table())
    assert found.tested.sum() == 8
    assert any(how in note for note in found.notes)


def test_names_that_several_images_share_match_nothing():
    labels = LabelTable(
        images=["x/1.png", "y/1.png"],
        findings=("mass",),
        states=np.zeros((2, 1), np.uint8),
        patients=["p", "q"],
    )
    with pytest.raises(LabelError, match=r"stand more than once: '1\.png'"):
        match(predictions(["1.png"], findings=("mass",)), labels)


def test_dots_within_names_are_no_ending():
    """ "1.2.9" is not the image "1.7.3": they share nothing but the first word."""
    labels = LabelTable(
        images=["1.2.3.dcm", "p1.left.png"],
        findings=("mass",),
        states=np.zeros((2, 1), np.uint8),
        patients=["p", "q"],
    )
    found = match(predictions(["1.2.3", "p1.right.png"], findings=("mass",)), labels)
    assert found.images.tolist() == ["1.2.3.dcm"]


def test_names_in_two_ways_mislead():
    found = match(predictions([*every()[:4], *(f"{i}" for i in range(4, 8))]), table())
    assert found.tested.sum() == 4
    assert any(
        "4 of 8 predictions found no image in the label table, and 4 of 8 images of the table no "
        "prediction" in line
        for line in found.warnings
    )


def test_predictions_of_unknown_images_are_counted():
    found = match(predictions([*every(), "other.png"]), table())
    assert any("1 prediction is of images that the label table does not know" in n
               for n in found.notes)  # fmt: skip


def test_predictions_of_unknown_images_alone_are_refused():
    with pytest.raises(LabelError, match="None of the 1 images of mine is in the label table"):
        match(predictions(["other.png"]), table())


def test_images_without_a_prediction_are_counted():
    found = match(predictions(every()[:6]), table())
    assert len(found.images) == 6
    assert any("2 of 8 images of the label table (25.0%) have no prediction" in n
               for n in found.notes)  # fmt: skip


def test_images_of_the_tested_part_without_a_prediction_mislead():
    labels = table(split=["train"] * 2 + ["test"] * 6)
    found = match(predictions(every()[:6]), labels, Asked(test="test"))
    assert found.tested.sum() == 4
    assert any("2 of 6 images of the part 'test' (33.3%)" in line for line in found.warnings)


def test_refused_images_do_not_vanish():
    given = predictions(every()[:6], refused={"folder/6.png": "lateral", "folder/7.png": "lateral"})
    found = match(given, table())
    assert any("2 of 8 images (25.0%) were refused by the model" in w and "2 lateral" in w
               for w in found.warnings)  # fmt: skip


def test_empty_cells_are_left_out_and_counted():
    values = np.full((8, 2), 0.5)
    values[0, 0] = np.nan
    found = match(predictions(every(), values), table())
    assert not found.mask[0, 0]
    assert found.mask.sum() == 15
    assert any("1 predictions are empty or NaN" in line for line in found.warnings)


@pytest.mark.parametrize(("uncertain", "counts"), [(None, 14), (1.0, 16), (0.0, 16)])
def test_uncertain_labels_follow_the_policy(uncertain, counts):
    labels = table()
    states = labels.states.copy()
    states[:2, 0] = State.UNCERTAIN
    labels = labels.with_states(labels.findings, states)
    found = match(predictions(every()), labels, Asked(uncertain=uncertain))
    assert found.mask.sum() == counts
    if uncertain is None:
        assert any("uncertain or not mentioned are left out: mass 2" in n for n in found.notes)
    else:
        assert (found.targets[:2, 0] == bool(uncertain)).all()


def test_tune_rows_are_not_tested():
    labels = table(split=["tune"] * 4 + ["test"] * 4)
    found = match(predictions(every()), labels, Asked(tune="tune"))
    assert found.tuned.sum() == 4
    assert not (found.tested & found.tuned).any()
    assert "part 'tune'" in found.how


def test_tune_rows_may_stand_in_a_file_of_their_own():
    found = match(predictions(every()[:4]), table(), tuned_on=predictions(every()[4:]))
    assert (found.tested.sum(), found.tuned.sum()) == (4, 4)


def test_tune_rows_of_their_own_file_are_not_missing():
    found = match(predictions(every()[:4]), table(), tuned_on=predictions(every()[4:]))
    assert not any("no prediction" in line for line in (*found.warnings, *found.notes))


def test_training_rows_among_those_tested_mislead():
    labels = table(split=["train"] * 5 + ["test"] * 3)
    found = match(predictions(every()), labels)
    assert any(
        "5 of 8 tested images stand in train (5) of the table's split" in w for w in found.warnings
    )
    assert not match(predictions(every()), labels, Asked(test="test")).warnings


def test_images_that_are_left_out_are_not_counted_as_learnt_from():
    states = table().states.copy()
    states[0] = State.UNCERTAIN
    labels = table(split=["train"] * 5 + ["test"] * 3).with_states(table().findings, states)
    found = match(predictions(every()), labels)
    assert found.tested.sum() == 7
    assert any("4 of 7 tested images stand in train (4)" in w for w in found.warnings)


def test_a_bundle_that_learnt_from_the_tested_rows_is_known_by_its_split(tiny_card):
    labels = table(split=["train"] * 5 + ["tune"] + ["test"] * 2, source=["here"] * 8)
    rows = {"train": np.arange(5), "tune": np.array([5]), "test": np.array([6, 7])}
    digest = Split.of(labels, rows).digest
    data = TrainingData(name="x", images=5, licence="", split_digest=digest)
    card = tiny_card.model_copy(update={"data": (data,)})
    found = match(predictions(every(), card=card), labels)
    assert any("6 of 8 tested images are train (5) and tune (1) rows of tiny 1.2.3 itself" in w
               for w in found.warnings)  # fmt: skip
    found = match(predictions(every(), card=card), labels, Asked(test="test"))
    assert not any("itself" in w for w in found.warnings)
    other = card.model_copy(update={"data": (data.model_copy(update={"split_digest": "0"}),)})
    found = match(predictions(every(), card=other), labels)
    assert any("cannot be told: its card names no image" in n for n in found.notes)


@pytest.mark.parametrize("role", ["weights, calibration", "choice of checkpoint, calibration"])
def test_tuning_rows_that_taught_weights_are_no_place_for_thresholds(tiny_card, role):
    labels = table(split=["train"] * 5 + ["tune"] + ["test"] * 2)
    rows = {"train": np.arange(5), "tune": np.array([5]), "test": np.array([6, 7])}
    said = {"images": 1, "licence": "", "split_digest": Split.of(labels, rows).digest}
    data = tuple(
        TrainingData(name=f"some (all of it): {part} ({what})", **said)
        for part, what in (("train", "weights, gate"), ("tune", role))
    )
    card = tiny_card.model_copy(update={"data": data})
    found = match(predictions(every(), card=card), labels, Asked(test="test", tune="tune"))
    told = any("1 of 1 rows that thresholds are fixed on" in w for w in found.warnings)
    assert told == role.startswith("weights")


def test_thresholds_of_the_card_are_not_taken_out_of_fold():
    given = predictions(every(), thresholds={"mass": 0.4})
    assert match(given, table()).thresholds == {"mass": 0.4}
    given = predictions(every(), thresholds={"mass": 0.4}, out_of_fold=True)
    assert not match(given, table()).thresholds


def test_one_of_keeps_images_with_exactly_one_finding():
    found = match(predictions(every()), table(), Asked(task="one-of"))
    assert found.tested.sum() == 4  # two of four combinations
    assert any("4 of 8 images are left out" in w for w in found.warnings)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ([0.0, 0.0], ("1 of 4 tested images have no single likeliest", "1 of 4 tested images do")),
        ([0.9, 0.9], ("no single likeliest class", "(from 1 to 1.8)")),
        ([0.9, 0.3], ("(from 1 to 1.2)",)),
    ],
)
def test_probabilities_that_are_not_of_one_of_several(row, told):
    values = np.tile([0.7, 0.3], (8, 1))
    values[1] = row
    found = match(predictions(every(), values), table(), Asked(task="one-of"))
    assert len(found.warnings) == 1 + len(told)  # and the images that have none or both
    assert all(any(words in line for line in found.warnings) for words in told)


def test_images_of_an_unknown_stratum_are_told():
    found = match(
        predictions(every()), table(source=["a", "b", "", ""] * 2), Asked(within="source")
    )
    assert any("4 tested images of unknown source" in note for note in found.notes)


def test_days_of_a_column_of_any_name():
    labels = table(followed=["10", "", "3.5", "0"] * 2)
    found = match(predictions(every()), labels, Asked(survival=("followed", "mass")))
    assert found.attributes["followed"][[0, 2, 3]].tolist() == [10, 3.5, 0]
    assert np.isnan(found.attributes["followed"][1])


def test_another_model_may_tell_less():
    other = predictions(every()[:6], findings=("mass",))
    found = match(predictions(every()), table(), other=other)
    assert found.other is not None
    assert np.isfinite(found.other).sum() == 6


BAD = {
    "no finding in common": (
        predictions(every(), findings=("nodule", "hernia")), Asked(), "share no finding"),
    "a finding that is not there": (
        predictions(every()), Asked(findings=("hernia",)), "cannot be measured"),
    "no such column": (predictions(every()), Asked(within="ward"), "no column 'ward'"),
    "strata of numbers": (
        predictions(every()), Asked(within="age_years"), "takes a column of few values"),
    "days that are words": (
        predictions(every()), Asked(survival=("sex", "mass")), "'sex' holds words: 'F'"),
    "no split": (predictions(every()), Asked(test="test"), "no column 'split'"),
    "no such event": (
        predictions(every()), Asked(survival=("sex", "death")), "'death' is no finding"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_matched_is_refused_in_words(case):
    given, asked, message = BAD[case]
    with pytest.raises(LabelError) as error:
        match(given, table(sex=["F"] * 8, age_years=np.arange(8.0)), asked)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked(test="tune"), "No row of the table is of the part 'tune'; it has test (8)"),
        (Asked(test="test", tune="test"), "name the same part"),
    ],
)
def test_parts_that_cannot_be(asked, message):
    with pytest.raises(LabelError) as error:
        match(predictions(every()), table(split=["test"] * 8), asked)
    assert message in str(error.value)


def test_images_tested_and_tuned_on_are_refused():
    with pytest.raises(LabelError, match="stand in the predictions that are tested"):
        match(predictions(every()), table(), tuned_on=predictions(every()[:1]))


def test_thresholds_fixed_on_training_rows_are_told():
    parts = ["train"] * 3 + ["tune"] * 2 + ["test"] * 3
    found = match(predictions(every()), table(split=parts), Asked(test="test", tune="train"))
    assert any("3 of 3 rows that thresholds are fixed on" in one for one in found.warnings)
    honest = match(predictions(every()), table(split=parts), Asked(test="test", tune="tune"))
    assert not any("thresholds are fixed on" in one for one in honest.warnings)
