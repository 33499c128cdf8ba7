from pathlib import Path

import numpy as np
import pytest

from hilum.datasets.column_map import load_map, read_mapped
from hilum.domain import State
from hilum.errors import LabelError
from hilum.recipes import locate

MAP = """
table = "all.csv"
image = "images/{file}"
patient = "who"
labels = "says"
labelled_by = "from"
unlabelled = ["todo"]
left_out = ["Smudge"]
[known]
"Both, of them" = ["covid_19", "ards"]
[findings]
alive = { finding = "death", states = { Y = "absent", N = "present", "" = "unmentioned" } }
[columns]
source = "from"
view = "view"
[values.view]
"AP (lying)" = "AP"
[constant]
licence = "ours"
[where]
use = "yes"
"""
HEADER = "file,who,says,from,alive,view,use"
ROWS = (
    'a.png,p,"Both, of them",one,Y,PA,yes',
    "b.png,p,Smudge,one,N,AP (lying),yes",
    "c.png,q,todo,one,,,yes",
    "d.png,r,Mass|Nodule,two,,lat,yes",
    "e.png,r,No Finding,two,,lat,yes",
    "f.png,r,Mass,two,,lat,no",
)


def write(folder: Path, map_: str = MAP, rows: tuple[str, ...] = ROWS) -> Path:
    (folder / "all.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    path = folder / "map.toml"
    path.write_text(map_)
    return path


def read(folder: Path, map_: str = MAP, rows: tuple[str, ...] = ROWS):
    return read_mapped(folder, load_map(write(folder, map_, rows)))


def test_everything_that_a_map_can_say(tmp_path):
    table = read(tmp_path)
    assert table.images.tolist() == [f"images/{letter}.png" for letter in "abcde"]
    states = {key: table.states[:, at].tolist() for at, key in enumerate(table.findings)}
    p, a, m = State.PRESENT, State.ABSENT, State.UNMENTIONED
    assert states == {
        "covid_19": [p, a, m, m, m],  # nobody looked for it in the second source
        "ards": [p, a, m, m, m],
        "mass": [m, m, m, p, a],
        "nodule": [m, m, m, p, a],
        "death": [a, p, m, m, m],
    }
    assert table.columns["view"].tolist() == ["PA", "AP", "", "lateral", "lateral"]
    assert table.columns["licence"].tolist() == ["ours"] * 5
    assert table.notes == ("1 row names no finding: all findings are unmentioned there.",)


def test_a_column_a_finding(tmp_path):
    map_ = 'table = "all.csv"\nimage = "file"\npatient = "who"\n[findings]\nuse = "mass"\n'
    rows = ("a.png,p,,,,,1", "b.png,p,,,,,0", "c.png,q,,,,,-1", "d.png,r,,,,,")
    table = read(tmp_path, map_, rows)
    assert table.states[:, 0].tolist() == [1, 0, 2, 3]


BOXES = '[boxes]\ntable = "boxes.csv"\nimage = "f"\nfinding = "l"\nbox = ["x", "y", "w", "h"]\n'
PLAIN = (
    'table = "all.csv"\nimage = "file"\npatient = "who"\nlabels = "says"\nunlabelled = ["todo"]\n'
)
KNOWN = '[known]\n"Both, of them" = "covid_19"\nSmudge = "no_finding"\n'


@pytest.mark.parametrize(("looked", "annotated"), [("boxed", 1), ("all", 6)])
def test_boxes(tmp_path, looked, annotated):
    (tmp_path / "boxes.csv").write_text("f,l,x,y,w,h\nd.png,Mass,1,2,3.5,4\n")
    table = read(tmp_path, f'{PLAIN}{KNOWN}{BOXES}looked = "{looked}"\n')
    assert table.boxes is not None
    assert table.boxes.of(3)[1].tolist() == [[1, 2, 3.5, 4]]
    assert table.boxes.annotated.sum() == annotated


@pytest.mark.parametrize(
    ("row", "message"),
    [("x.png,Mass,1,2,3,4", r"1 images have no row: 'x\.png'"),
     ("d.png,Fluff,1,2,3,4", "Unknown finding 'Fluff'"),
     ("d.png,Mass,1,2,wide,4", "wide")],
)  # fmt: skip
def test_bad_boxes(tmp_path, row, message):
    (tmp_path / "boxes.csv").write_text(f"f,l,x,y,w,h\n{row}\n")
    with pytest.raises(LabelError, match=message):
        read(tmp_path, PLAIN + KNOWN + BOXES)


def test_a_box_outside_its_image(tmp_path):
    (tmp_path / "boxes.csv").write_text("f,l,x,y,w,h\nd.png,Mass,50,2,60,4\n")
    size = '[constant]\nwidth_px = "100"\nheight_px = "100"\n'
    with pytest.raises(LabelError, match=r"1 boxes reach outside their image: d\.png \(100 × 100"):
        read(tmp_path, PLAIN + KNOWN + size + BOXES)


def test_rows_that_repeat_are_taken_once_and_told(tmp_path):
    table = read(tmp_path, rows=(*ROWS, ROWS[0]))
    assert len(table) == 5
    assert "1 row repeats another row: left out." in table.notes


EXCEL = """
table = "all.csv"
delimiter = {delimiter}
encoding = "{encoding}"
decimal = ","
date_format = "%d.%m.%Y"
image = "Datei"
patient = "Patient"
labels = "Befund"
separator = "|"
[columns]
age_years = "Alter"
date = "Tag"
[boxes]
table = "boxes.csv"
image = "Datei"
finding = "Befund"
box = ["x", "y", "b", "h"]
"""


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(("mark", "written"), [(";", '";"'), ("\t", '"\\t"')])
def test_a_file_of_excel(tmp_path, mark, written, encoding):
    rows = "Datei;Patient;Befund;Alter;Tag\nä.png;p1;Mass;64,5;31.12.2019\nb.png;p1 ;;;\n"
    boxes = "Datei;Befund;x;y;b;h\nä.png;Mass;1,5;2;3;4\n"
    for name, text in (("all.csv", rows), ("boxes.csv", boxes)):
        (tmp_path / name).write_bytes(text.replace(";", mark).encode(encoding))
    path = tmp_path / "map.toml"
    path.write_text(EXCEL.format(delimiter=written, encoding=encoding))
    table = read_mapped(tmp_path, load_map(path))
    assert table.images.tolist() == ["ä.png", "b.png"]
    assert table.patients.tolist() == ["p1", "p1"]
    assert table.columns["age_years"][0] == 64.5
    assert table.columns["date"].tolist() == ["2019-12-31", ""]
    assert table.boxes.xywh.tolist() == [[1.5, 2, 3, 4]]
    path.write_text(EXCEL.replace("delimiter = {delimiter}", "").format(encoding=encoding))
    named = {";": r'say delimiter = ";"', "\t": r'say delimiter = "\\t"'}[mark]
    with pytest.raises(LabelError, match=named):
        read_mapped(tmp_path, load_map(path))


def test_a_point_is_no_comma(tmp_path):
    map_ = 'decimal = ","\n' + PLAIN + KNOWN + '[columns]\nage_years = "alive"\n'
    with pytest.raises(LabelError, match=r"'64\.5' cannot be taken for age_years: the map says"):
        read(tmp_path, map_, ("a.png,p,Mass,one,64.5,PA,yes",))


@pytest.mark.parametrize(
    ("cells", "spelling", "found"),
    [
        (
            ["2020-03-31", "2020", "2020-03", "", "nan"],
            "",
            ["2020-03-31", "2020", "2020-03", "", ""],
        ),
        (["20200331", "2020-03-31T10:30"], "", ["2020-03-31", "2020-03-31T10:30:00"]),
        (["31.03.2020", ""], "%d.%m.%Y", ["2020-03-31", ""]),
        (["3/2020"], "%m/%Y", ["2020-03"]),
        (["31.03.2020 07:05"], "%d.%m.%Y %H:%M", ["2020-03-31T07:05:00"]),
        (["31.03.2020"], "", "1 value is no date in ISO 8601 .*: '31.03.2020'; say how"),
        (["2020-13", "2020-02-30"], "", "2 values are no dates"),
        (["2020-03-31"], "%d.%m.%Y", "is no date spelt %d.%m.%Y: '2020-03-31'"),
    ],
)
def test_dates_of_a_map(tmp_path, cells, spelling, found):
    map_ = f'date_format = "{spelling}"\n{PLAIN}[columns]\ndate = "view"\n'
    rows = tuple(f"{at}.png,p,Mass,one,,{cell},yes" for at, cell in enumerate(cells))
    if isinstance(found, str):
        with pytest.raises(LabelError, match=found):
            read(tmp_path, map_, rows)
    else:
        assert read(tmp_path, map_, rows).columns["date"].tolist() == found


def test_patients_with_blanks_are_one_and_nan_is_nobody(tmp_path):
    rows = ("a.png,p1 ,Mass,one,,,yes", "b.png,p1,Mass,one,,,yes")
    assert read(tmp_path, PLAIN, rows).patients.tolist() == ["p1", "p1"]
    joint = PLAIN.replace('"who"', '"{from}/{who}"')
    assert read(tmp_path, joint, rows).patients.tolist() == ["one/p1", "one/p1"]
    for map_ in (PLAIN, joint):
        with pytest.raises(LabelError, match=r"1 rows? names? no patient"):
            read(tmp_path, map_, (*rows, "c.png, NaN,Mass,one,,,yes"))


def test_empty_cells_without_a_state_are_told_of(tmp_path):
    map_ = PLAIN + KNOWN + '[findings]\nalive = {finding = "death", states = {Y = "absent"}}\n'
    with pytest.raises(LabelError, match=r'4 cells are empty.*add "" = "unmentioned"'):
        read(tmp_path, map_)


def test_all_faults_of_a_map_at_once(tmp_path):
    path = write(
        tmp_path,
        'table = "all.csv"\nimage = 3\npatinet = "who"\nseparator = ""\n'
        '[boxes]\ntable = "b"\nimgae = "f"\n',
    )
    with pytest.raises(LabelError) as caught:
        load_map(path)
    for fault in ("image: Input should be a valid string (got 3)", "patient is missing",
                  "patinet: Unknown key 'patinet'; did you mean patient", "separator:",
                  "boxes.imgae: Unknown key 'imgae'; did you mean image"):  # fmt: skip
        assert fault in str(caught.value)


def test_all_that_a_map_gets_wrong_about_findings_and_columns(tmp_path):
    path = write(
        tmp_path,
        'table = "all.csv"\nencoding = "latin-17"\ndate_format = "dd.mm.yyyy"\n'
        'image = "file"\npatient = "who"\n[known]\nLump = "masss"\n'
        '[columns]\nsex = "x"\nmass = "y"\n[constant]\nsex = "F"\n[values.view]\na = "b"\n',
    )
    with pytest.raises(LabelError) as caught:
        load_map(path)
    for fault in ("neither labels nor findings", "Unknown finding 'masss'; did you mean mass",
                  "columns and constant both name 'sex'", "'mass' cannot name a column",
                  "values are given for 'view'", "encoding 'latin-17' is none",
                  "date_format 'dd.mm.yyyy' spells no date"):  # fmt: skip
        assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("map_", "message"),
    [
        (PLAIN, r"labels outside the vocabulary: 'Both, of them' \(1 rows\), 'Smudge'"),
        (PLAIN.replace("says", "sagt"), r"lacks \['sagt'\]; it has \['file'"),
        (PLAIN + KNOWN + '[columns]\nview = "view"\n', r"'AP \(lying\)' cannot be taken for view"),
        (PLAIN + KNOWN + '[findings]\nalive = "mass"\n', "'N' and|'N', 'Y' are no states"),
        (PLAIN + KNOWN + '[findings]\nwho = "mass"\n[where]\nwho = "nobody"\n', "no row has"),
        (PLAIN + KNOWN + '[findings]\nalive = {finding = "mass", states = {Y = "present", '
         'N = "absent", "" = "unmentioned"}}\n', "two columns tell of mass"),
    ],
)  # fmt: skip
def test_tables_that_do_not_fit(tmp_path, map_, message):
    with pytest.raises(LabelError, match=message):
        read(tmp_path, map_)


@pytest.mark.parametrize(("text", "message"), [("table =", "is no TOML"), (None, "No column map")])
def test_no_map(tmp_path, text, message):
    path = tmp_path / "map.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(LabelError, match=message):
        load_map(path)


def test_the_shipped_map_reads_the_radiographs_of_four_sources(shared):
    column_map = load_map(locate("columns/radiographs"))
    table = read_mapped(shared / "radiographs", column_map)
    assert len(table) == 3_004
    assert len(set(table.patients.tolist())) == 2_548
    source = table.columns["source"]
    for key, road, expected in (("covid_19", "ieee8023", 307), ("hernia", "nih14", 18),
                                ("pneumonia", "paediatric", 576), ("normal", "paediatric", 416),
                                ("pneumonia", "nih_resized_austin", 175),
                                ("death", "ieee8023", 21)):  # fmt: skip
        states = table.states[:, table.findings.index(key)]
        assert (states[source == road] == State.PRESENT).sum() == expected, (key, road)
    covid = table.states[:, table.findings.index("covid_19")]
    assert (covid[source != "ieee8023"] == State.UNMENTIONED).all()
    assert table.boxes is not None
    assert len(table.boxes) == 32
    assert np.isnan(table.columns["age_years"][source == "paediatric"]).all()
    assert all((shared / "radiographs" / image).is_file() for image in table.images[::100].tolist())
