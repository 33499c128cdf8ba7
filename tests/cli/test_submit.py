"""The command; what it fills is tested in tests/datasets/submission."""

import pytest


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "said.csv").write_text("file,prob_Effusion\nb.png,0.75\na.png,0.25\n")
    (tmp_path / "sample.csv").write_text("id,Effusion\na,0\nb,0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_template_is_filled(hilum, place):
    done = hilum("submit", "said.csv", "--template", "sample.csv", "-o", "out.csv")
    assert done.status == 0, done.err
    assert (place / "out.csv").read_text() == "id,Effusion\na,0.25\nb,0.75\n"
    assert "Written: out.csv, 2 rows, columns as in sample.csv" in done.out
    assert hilum("submit", "said.csv", "--template", "sample.csv", "-o", "out.csv").status == 2


def test_missing_ids_are_refused_or_told(hilum, place):
    (place / "sample.csv").write_text("id,Effusion\na,0\nz,0\n")
    done = hilum("submit", "said.csv", "--template", "sample.csv", "-o", "out.csv")
    assert done.status == 2
    assert "1 of 2 ids of sample.csv have no prediction: 'z'" in done.err
    assert not (place / "out.csv").exists()
    done = hilum(
        "submit", "said.csv", "--template", "sample.csv", "-o", "out.csv", "--missing", "0.5"
    )
    assert done.status == 1
    assert "1 id has no prediction, '0.5' stands there: 'z'" in done.out
    assert "1 predicted images are no id of sample.csv" in done.out
    assert (place / "out.csv").read_text() == "id,Effusion\na,0.25\nz,0.5\n"


def test_labels_and_columns_of_other_names(hilum, place):
    (place / "sample.csv").write_text("Image Index,Predict label\na.png,\nb.png,\n")
    done = hilum(
        "submit", "said.csv", "--template", "sample.csv", "-o", "out.csv", "--threshold", "0.5"
    )
    assert done.status == 0, done.err
    assert (place / "out.csv").read_text().endswith("a.png,\nb.png,Effusion\n")
    (place / "sample.csv").write_text("id,water\na,0\n")
    done = hilum(
        "submit",
        "said.csv",
        "--template",
        "sample.csv",
        "-o",
        "o.csv",
        "--column",
        "water=effusion",
    )
    assert done.status == 0, done.err
    assert (place / "o.csv").read_text() == "id,water\na,0.25\n"
    done = hilum("submit", "said.csv", "--template", "sample.csv", "-o", "p.csv", "--column", "x")
    assert "--column is COLUMN=FINDING, got 'x'" in done.err


def test_strings_with_boxes_and_a_table_of_studies(hilum, place):
    (place / "said.csv").write_text(
        "image,negative,typical,indeterminate,atypical\nI1,.1,.7,.1,.1\n"
    )
    (place / "boxes.csv").write_text("image,score,x,y,w,h\nI1,0.5,1,2,3,4\n")
    (place / "studies.csv").write_text("image,study\nI1,S1\n")
    (place / "sample.csv").write_text("Id,PredictionString\nS1_study,\nI1_image,\n")
    done = hilum(
        "submit", "said.csv", "--template", "sample.csv", "-o", "out.csv",
        "--boxes", "boxes.csv", "--labels", "studies.csv",
    )  # fmt: skip
    assert done.status == 0, done.err
    rest = "indeterminate 0.1 0 0 1 1 atypical 0.1 0 0 1 1"
    assert (place / "out.csv").read_text().splitlines()[1:] == [
        f"S1_study,negative 0.1 0 0 1 1 typical 0.7 0 0 1 1 {rest}",
        "I1_image,none 0.1 0 0 1 1 opacity 0.5 1 2 4 6",
    ]
