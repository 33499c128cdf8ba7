import json
from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.collections.covid_chestxray import COLLECTION, LABELS, iso_date, read
from hilum.datasets.verify import compare
from hilum.domain import State
from hilum.domain.findings import known_finding
from hilum.errors import LabelError

HEADER = (
    "patientid,offset,sex,age,finding,survival,went_icu,view,modality,date,filename,url,license"
)
ROWS = (
    '2,0,M,65,Pneumonia/Viral/COVID-19,Y,N,PA,X-ray,"January 22, 2020",a.jpg,https://www.nejm.org/1,',
    '2,3,M,65,"COVID-19, ARDS",N,?,AP Supine,X-ray,March 2003,b.jpg,http://sirm.org/2,CC BY',
    "3,,,,Pneumonia,,Y,L,X-ray,2020,c.jpg,,",
    "4,?,F,forty,No Finding,?,,?,X-ray,January 12,d.jpg,,",
    "5,,,,todo,,,AP semi erect,X-ray,,e.jpg,,",
    "6,1,F,30,COVID-19,,,Axial,CT,2020,f.jpg,,",
)  # fmt: skip
P, A, M = State.PRESENT, State.ABSENT, State.UNMENTIONED


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    (folder / "metadata.csv").write_text("\n".join([header, *(rows or ROWS)]) + "\n")
    return folder


def test_findings_of_both_spellings(tmp_path):
    table = read(write(tmp_path))
    states = {key: table.states[:, at].tolist() for at, key in enumerate(table.findings)}
    assert states == {
        "pneumonia": [P, M, P, A, M],  # the second names COVID-19 alone
        "viral_pneumonia": [P, M, M, A, M],
        "covid_19": [P, P, M, A, M],
        "ards": [M, P, M, A, M],
        "death": [A, P, M, M, M],
    }


def test_columns(tmp_path):
    table = read(write(tmp_path))
    assert table.images.tolist() == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    for name, values in {
        "view": ["PA", "AP", "lateral", "", "AP"],
        "projection": ["PA", "AP Supine", "L", "", "AP semi erect"],
        "date": ["2020-01-22", "2003-03", "2020", "", ""],
        "source": ["nejm.org", "sirm.org", "", "", ""],
        "licence": ["", "CC BY", "", "", ""],
        "went_icu": ["N", "", "Y", "", ""],
    }.items():
        assert table.columns[name].tolist() == values, name
    assert table.columns["days"][:2].tolist() == [0, 3]
    assert np.isnan(table.columns["days"][2:]).all()


def test_what_is_left_out_is_counted(tmp_path):
    assert read(write(tmp_path)).notes == (
        "1 rows are no radiographs (CT): left out.",
        "1 radiographs have no finding (todo, Unknown): unmentioned.",
        "1 cells of column age are not understood: left unknown.",
        "1 cells of column date are not understood: left unknown.",
    )


def test_annotations(tmp_path):
    folder = write(tmp_path) / "annotations"
    folder.mkdir()
    (folder / "covid-severity-scores.csv").write_text(
        "## Scores, of three,,\n## More,,\nfilename,geographic_mean,opacity_mean\nb.jpg,2.5,1\n"
    )
    coco = {
        "categories": [{"id": 1, "name": "Right Lung"}, {"id": 2, "name": "Left Lung"}],
        "images": [{"id": 7, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 7, "category_id": 2, "bbox": [50, 20, 30, 40.5]},
            {"image_id": 7, "category_id": 1, "bbox": [10, 20, 30, 40]},
            {"image_id": 7, "category_id": 1, "bbox": [None] * 4},
        ],
    }
    (folder / "lung_bounding_boxes.json").write_text(json.dumps(coco))
    columns = read(tmp_path).columns
    assert columns["severity_extent"].tolist()[:2] == ["", "2.5"]
    assert columns["severity_opacity"].tolist()[:2] == ["", "1"]
    assert columns["lungs"].tolist()[:2] == ["right 10 20 30 40; left 50 20 30 40.5", ""]
    (folder / "lung_bounding_boxes.json").write_text("[]")
    with pytest.raises(LabelError, match="no list of boxes"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("cell", "iso"),
    [("2004", "2004"), ("March 2020", "2020-03"), ("March 5, 2020", "2020-03-05"),
     ("Feb 16, 2020", "2020-02-16"), ("12 March 2020", "2020-03-12"), ("01/13/20", "2020-01-13"),
     ("2/29/2020", "2020-02-29"), ("2020-03-01", "2020-03-01"), ("January 12", ""), ("?", ""),
     ("2/30/2020", ""), ("", "")],
)  # fmt: skip
def test_dates(cell, iso):
    assert iso_date(cell) == iso


@pytest.mark.parametrize(
    ("rows", "header", "message"),
    [
        (["1,,,,Fluff,,,PA,X-ray,,a.jpg,,"], HEADER, r"'Fluff' \(1 rows\)"),
        (["1,,,,COVID-19,dead,,PA,X-ray,,a.jpg,,"], HEADER, "column 'survival': 'dead'"),
        (["1,,,,SARS,,,PA,X-ray,,a.jpg,,", "1,,,,ARDS,,,PA,X-ray,,a.jpg,,"], HEADER, "disagree"),
        (["1,a.jpg"], "patientid,filename", r"lacks \['finding', 'modality', 'view'\]"),
    ],
)
def test_bad_tables(tmp_path, rows, header, message):
    with pytest.raises(LabelError, match=message):
        read(write(tmp_path, *rows, header=header))


def test_every_label_leads_to_a_finding_or_is_undecided():
    for label, key in LABELS.items():
        assert key is None or known_finding(key), label
        assert (key is None) == (label in COLLECTION.undecided), label


def test_the_real_table_shows_its_counts(shared):
    variant = COLLECTION.variants["2020-06-24"]
    table = variant.read(shared / "labels")
    assert [c for c in compare(table, variant.counts) if not c.same] == []
    assert "84 rows are no radiographs (CT): left out." in table.notes
    assert "3 cells of column date are not understood: left unknown." in table.notes
