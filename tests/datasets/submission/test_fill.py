"""An organiser's CSV filled with predictions."""

import numpy as np
import pytest

from hilum.datasets.predictions import Predictions
from hilum.datasets.submission import Wanted, fill, read_template
from hilum.domain.text import text
from hilum.errors import LabelError, RunError


def predicted(images=("a.png", "b.png", "c.png"), findings=("effusion", "pleural_thickening"), **k):
    values = np.arange(len(images) * len(findings), dtype=float).reshape(len(images), -1) / 10
    return Predictions("net", text(list(images)), findings, values, **k)


def template(tmp_path, written, name="sample.csv"):
    path = tmp_path / name
    path.write_text(written, "utf-8")
    return read_template(path)


@pytest.mark.parametrize(
    ("sample", "filled"),
    [
        (  # ids and columns in the organiser's order, names as he writes them
            "id,Pleural Thickening,Effusion\nc.png,0,0\na.png,.5,.5\n",
            "id,Pleural Thickening,Effusion\nc.png,0.5,0.4\na.png,0.1,0\n",
        ),
        (  # without ending, semicolons
            "Image;effusion;pleural_thickening\nb;0;0\nc;0;0\na;0;0\n",
            "Image;effusion;pleural_thickening\nb;0.2;0.3\nc;0.4;0.5\na;0;0.1\n",
        ),
        ("file\tEffusion\nx/b.jpg\t9\n", "file\tEffusion\nx/b.jpg\t0.2\n"),
    ],
)
def test_a_column_a_finding(tmp_path, sample, filled):
    made = fill(predicted(), template(tmp_path, sample))
    assert made.csv == filled
    assert made.missing == ()
    assert made.extra == 3 - made.rows


def test_labels_of_present_findings(tmp_path):
    sample = template(tmp_path, "Image Index,Predict label\nb.png,\na.png,x\nc.png,\n")
    given = predicted(thresholds={"effusion": 0.2, "pleural_thickening": 0.5})
    assert fill(given, sample).csv == (
        "Image Index,Predict label\nb.png,Effusion\na.png,\nc.png,Effusion Pleural_Thickening\n"
    )
    assert fill(predicted(), sample, Wanted(threshold=0.45)).csv.endswith(
        "c.png,Pleural_Thickening\n"
    )
    with pytest.raises(LabelError, match="no operating point of 'effusion', 'pleural_thickening'"):
        fill(predicted(), sample)


def test_covid_is_written_as_the_study_writes_it(tmp_path):
    given = predicted(images=("a.png",), findings=("covid_19",), thresholds={"covid_19": 0.5})
    given.values[:] = 0.9
    sample = template(tmp_path, "Image Index,Predict label\na.png,\n")
    assert fill(given, sample).csv == "Image Index,Predict label\na.png,Covid-19\n"


def test_ids_without_a_prediction_are_refused_or_filled_and_listed(tmp_path):
    sample = template(tmp_path, "id,Effusion\na.png,0\nz.png,0\ny.png,0\n")
    with pytest.raises(LabelError, match=r"2 of 3 ids of sample.csv .* 'z.png', 'y.png'. .*--mis"):
        fill(predicted(), sample, Wanted(keep=()))
    made = fill(predicted(), sample, Wanted(missing="0.5"))
    assert made.csv == "id,Effusion\na.png,0\nz.png,0.5\ny.png,0.5\n"
    assert (made.missing, made.extra) == (("z.png", "y.png"), 2)


def test_columns_that_names_do_not_tell(tmp_path):
    one = predicted(findings=("death",))
    assert fill(one, template(tmp_path, "id,label\nb.png,0\n")).csv == "id,label\nb.png,0.1\n"
    survived = template(tmp_path, "id,survives\nb.png,0\n")
    with pytest.raises(LabelError, match="nothing that was predicted fills 'survives'"):
        fill(one, survived)
    made = fill(one, survived, Wanted(columns={"survives": "death"}))
    assert made.csv == "id,survives\nb.png,0.1\n"
    assert "Column 'survives' holds death." in made.notes


def test_columns_that_stay(tmp_path):
    sample = template(tmp_path, "id,Usage,Effusion\nb.png,Public,0\na.png,Private,0\n")
    with pytest.raises(LabelError, match="fills 'Usage'"):
        fill(predicted(), sample)
    made = fill(predicted(), sample, Wanted(keep=("Usage",)))
    assert made.csv == "id,Usage,Effusion\nb.png,Public,0.2\na.png,Private,0\n"


def test_decisions_in_place_of_probabilities(tmp_path):
    sample = template(tmp_path, "id,Effusion\nb.png,0\nc.png,0\n")
    assert fill(predicted(), sample, Wanted(threshold=0.3)).csv == "id,Effusion\nb.png,0\nc.png,1\n"
    given = predicted(thresholds={"effusion": 0.1})
    assert fill(given, sample, Wanted(decide=True)).csv == "id,Effusion\nb.png,1\nc.png,1\n"


@pytest.mark.parametrize(
    ("sample", "wanted", "message"),
    [
        ("id,Effusion\nq,0\n", Wanted(missing="0"), "None of the 1 ids of sample.csv has a pred"),
        ("id,Effusion\na,0\na,0\n", Wanted(), "1 ids stand twice: 'a'"),
        ("id,Effusion\n,0\n", Wanted(), "rows 2 have no id"),
        ("id\na\n", Wanted(), "has one column, 'id'"),
        ("id,Effusion\na,0\n", Wanted(columns={"Mass": "mass"}), "no column 'Mass' to fill"),
        ("id,Effusion\na,0\n", Wanted(columns={"Effusion": "mass"}), "mass, which was not pred"),
        ("id,Effusion\na,0\n", Wanted(keep=("Usage",)), "no column 'Usage'"),
        ("id,Effusion\na,0\n", Wanted(threshold=float("nan")), "lies in .0, 1.; nan does not"),
    ],
)
def test_templates_that_cannot_be_filled(tmp_path, sample, wanted, message):
    with pytest.raises(LabelError, match=message):
        fill(predicted(), template(tmp_path, sample), wanted)


def test_empty_predictions_are_refused(tmp_path):
    given = predicted()
    given.values[1, 0] = np.nan
    for sample in ("id,Effusion\nb.png,0\n", "Image Index,Predict label\nb.png,x\n"):
        with pytest.raises(LabelError, match="1 of the cells that are asked for are empty"):
            fill(given, template(tmp_path, sample), Wanted(threshold=0.5))
    others = fill(given, template(tmp_path, "id,Effusion\na.png,9\n"))
    assert others.csv == "id,Effusion\na.png,0\n"


def test_nothing_is_written_over(tmp_path):
    made = fill(predicted(), template(tmp_path, "id,Effusion\na.png,0\n"))
    made.save(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == made.csv
    with pytest.raises(RunError, match="exists"):
        made.save(tmp_path / "out.csv")
    with pytest.raises(RunError, match="cannot be written"):
        made.save(tmp_path / "nowhere" / "out.csv")
