"""Predictions of anyone's model, from real files."""

import json

import numpy as np
import pytest

from hilum.datasets.predictions import read_predictions
from hilum.errors import LabelError


def written(folder, text, name="mine.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


GOOD = "Image Index,prob_Mass,Pleural Effusion\na.png,0.25,0.5\nb.png,,1\n"


def test_columns_are_found_by_the_names_that_people_use(tmp_path):
    found = read_predictions(written(tmp_path, GOOD))
    assert found.images.tolist() == ["a.png", "b.png"]
    assert found.findings == ("mass", "effusion")
    assert found.values[0].tolist() == [0.25, 0.5]
    assert np.isnan(found.values[1, 0])
    assert len(found.sha256) == 64


@pytest.mark.parametrize(
    "header",
    ["Mass", "mass", "prob_Mass", "p_mass", "Mass_prob", "mass.score", "pred_mass", "y_pred_Mass",
     "Mass probability"],
)  # fmt: skip
def test_names_of_columns_with_what_is_written_before_and_behind(tmp_path, header):
    found = read_predictions(written(tmp_path, f"path,{header}\na.png,0.5\n"))
    assert found.findings == ("mass",)


def test_predictions_are_taken_where_labels_stand_beside_them(tmp_path):
    text = "image,Mass,prob_Mass\na.png,1,0.25\nb.png,0,0.5\n"
    found = read_predictions(written(tmp_path, text))
    assert found.values[:, 0].tolist() == [0.25, 0.5]
    assert "passed over" in found.notes[0]


def test_a_column_and_a_finding_can_be_named(tmp_path):
    path = written(tmp_path, "pic,out0\na.png,0.25\n")
    found = read_predictions(path, image="pic", columns={"out0": "Mass"})
    assert found.findings == ("mass",)


def test_a_row_an_image_and_finding(tmp_path):
    text = (
        "image,finding,probability,operating_point\n"
        "b.png,mass,0.5,0.3\nb.png,effusion,0.1,0.2\na.png,effusion,0.4,0.2\n"
    )
    found = read_predictions(written(tmp_path, text))
    assert found.images.tolist() == ["b.png", "a.png"]
    assert found.findings == ("mass", "effusion")
    assert found.values[0].tolist() == [0.5, 0.1]
    assert np.isnan(found.values[1, 0])
    assert found.values[1, 1] == 0.4
    assert found.thresholds == {"mass": 0.3, "effusion": 0.2}


def test_logits_become_probabilities(tmp_path):
    path = written(tmp_path, "image,logit_mass\na.png,0\nb.png,-2.5\n")
    found = read_predictions(path, scale="logits")
    assert found.values[:, 0] == pytest.approx([0.5, 1 / (1 + np.exp(2.5))])
    assert found.scale == "probabilities"


def test_equal_rows_of_one_image_count_once(tmp_path):
    found = read_predictions(
        written(tmp_path, "image,mass\na.png,0.5\nb.png,\na.png,0.5\nb.png,\n")
    )
    assert found.images.tolist() == ["a.png", "b.png"]
    assert found.notes == ("2 rows repeat another row of the predictions: taken once.",)


def test_parquet_says_the_same_as_csv(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'hilum[analyse]'")
    from pyarrow import parquet

    path = tmp_path / "mine.parquet"
    columns = {"image": ["a.png", "b.png"], "mass": [0.25, None], "note": ["x", "y"]}
    parquet.write_table(pa.table(columns), path)
    found = read_predictions(path)
    assert found.images.tolist() == ["a.png", "b.png"]
    assert found.values[0, 0] == 0.25
    assert np.isnan(found.values[1, 0])


BAD = {
    "no image column": ("mass,effusion\n0.5,0.5\n", {}, "--image-column"),
    "no finding": ("image,foo\na.png,0.5\n", {}, "no column is called as a finding is"),
    "two columns of one finding": (
        "image,mass_prob,prob_mass\na.png,0.5,0.5\n", {}, "all tell of mass"),
    "words for numbers": ("image,mass\na.png,high\n", {}, "1 cells are no numbers: 'high'"),
    "digits parted": ("image,mass\na.png,0_5\n", {}, "1 cells are no numbers: '0_5'"),
    "infinity": ("image,mass\na.png,inf\n", {"scale": "logits"}, "infinite, in 'mass'"),
    "logits given as probabilities": (
        "image,mass\na.png,-2.5\nb.png,0.5\n", {}, "mass -2.5 to 0.5; if they are logits say"),
    "percentages": ("image,mass\na.png,55\n", {}, "percentages"),
    "probabilities given as logits": (
        "image,mass\na.png,0.25\nb.png,0.5\n", {"scale": "logits"}, "Leave out --logits"),
    "rows that disagree": (
        "image,mass\na.png,0.5\na.png,0.6\n", {}, "rows of 1 images disagree: 'a.png'"),
    "long rows that disagree": (
        "image,finding,probability\na.png,mass,0.5\na.png,mass,0.6\n", {}, "contradict another"),
    "an image without a name": ("image,mass\n,0.5\n", {}, "1 rows name no image: rows 2"),
    "no row": ("image,mass\n", {}, "holds no row"),
    "an unknown finding in a row": (
        "image,finding,probability\na.png,masses!,0.5\n", {}, "Unknown finding"),
    "a column that is not there": ("image,mass\na.png,0.5\n", {"image": "pic"}, "no column 'pic'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_predictions_are_refused_in_words(tmp_path, case):
    text, options, message = BAD[case]
    with pytest.raises(LabelError) as error:
        read_predictions(written(tmp_path, text), **options)
    assert message in str(error.value)
    assert str(tmp_path) not in str(error.value)


def test_what_is_no_prediction_at_all(tmp_path):
    with pytest.raises(LabelError, match=r"No predictions none\.csv"):
        read_predictions(tmp_path / "none.csv")
    with pytest.raises(LabelError, match="neither the folder of `hilum read`"):
        read_predictions(tmp_path)


@pytest.fixture
def readings(tmp_path):
    """A folder as ``hilum read`` leaves it."""
    folder = tmp_path / "read"
    (folder / ".hilum").mkdir(parents=True)
    bundle = {"name": "mine", "version": "1.0.0", "digest": "0" * 64}
    facts = {"bundle": bundle, "prevalence": "training"}
    (folder / ".hilum" / "run.json").write_text(json.dumps(facts))
    (folder / "readings.json").write_text('{\n "complete": true\n}')
    written(folder, "image,stage,code,reason\nc.png,gate,lateral far,x\n", "refused.csv")
    rows = "a.png,mass,0.5,0.3,present,no\nb.png,mass,0.1,0.3,absent,no\n"
    header = "image,finding,probability,operating_point,decision,calibrated\n"
    written(folder, header + rows, "findings.csv")
    return folder


def test_the_folder_of_a_reading(readings):
    found = read_predictions(readings)
    assert found.name == "mine 1.0.0"
    assert found.thresholds == {"mass": 0.3}
    assert dict(found.refused) == {"c.png": "lateral far"}
    assert "too few positives" in found.warnings[0]


def test_a_reading_that_was_stopped_says_so(readings):
    (readings / "readings.json").write_text('{\n "complete": false\n}')
    assert any("was stopped before its end" in line for line in read_predictions(readings).warnings)


def test_scale_and_columns_of_a_folder_are_known(readings):
    with pytest.raises(LabelError, match="leave out"):
        read_predictions(readings, scale="logits")


@pytest.fixture
def run(tmp_path, tiny_card):
    """A run's folder, as far as it is looked at."""
    folder = tmp_path / "run"
    (folder / "tiny").mkdir(parents=True)
    (folder / "images").mkdir()
    (folder / "recipe.json").write_text(json.dumps({"bundle": {"name": "tiny"}}))
    (folder / "tiny" / "card.json").write_text(tiny_card.model_dump_json(by_alias=True))
    written(folder / "images", "image,patient,effusion\na.png,p,1\nb.png,q,0\n", "labels.csv")
    logits = np.array([[0.0, 1.0, -1.0], [2.0, 0.0, 0.5]], np.float32)
    np.savez(folder / "out-of-fold.npz", logits=logits, images=np.array(["a.png", "b.png"]))
    return folder


def test_the_folder_of_a_run_is_out_of_fold_and_calibrated_by_its_card(run, tiny_card):
    found = read_predictions(run)
    assert found.out_of_fold
    assert found.labels == run / "images" / "labels.csv"
    assert "out of fold" in found.warnings[0]
    assert "fitted on these very rows" in found.warnings[1]
    first = tiny_card.findings[0].calibration
    expected = 1 / (1 + np.exp(-(first.slope * 0.0 + first.intercept)))
    assert found.values[0, 0] == pytest.approx(expected)
    assert not found.thresholds  # the card's points were fixed on these rows


def test_a_run_that_cannot_be_taken(run):
    (run / "tiny" / "card.json").unlink()
    with pytest.raises(LabelError, match="has not ended in a bundle"):
        read_predictions(run)
    (run / "out-of-fold.npz").write_bytes(b"PK")
    with pytest.raises(LabelError, match="is damaged"):
        read_predictions(run)
    (run / "out-of-fold.npz").unlink()
    with pytest.raises(LabelError, match="keeps no out-of-fold predictions"):
        read_predictions(run)
