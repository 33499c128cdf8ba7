import pytest

from hilum.datasets.collections import COLLECTIONS
from hilum.datasets.table import load

HEADER = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]\n"
)
ROWS = (
    "00000001_000.png,Mass,0,1,57,M,PA,2682,2749,0.143,0.143\n"
    "00000002_000.png,No Finding,0,2,80,F,AP,2500,2048,0.171,0.171\n"
)


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "nih"
    (folder / "images").mkdir(parents=True)
    (folder / "Data_Entry_2017_v2020.csv").write_text(HEADER + ROWS)
    for name in ("00000001_000.png", "00000009_000.png"):
        (folder / "images" / name).touch()
    return folder


def test_list_names_every_collection(hilum):
    done = hilum("datasets", "list")
    assert done.status == 0
    for name in COLLECTIONS:
        assert name in done.out
    assert "112,120" in done.out


@pytest.mark.parametrize("name", list(COLLECTIONS))
def test_show(hilum, name):
    collection = COLLECTIONS.resolve(name)
    done = hilum("datasets", "show", name)
    assert done.status == 0
    for text in (collection.title, collection.home, "Licence:", "Cite:", *collection.variants):
        assert text in done.out


def test_an_unknown_name_has_near_matches(hilum):
    done = hilum("datasets", "show", "chestxray")
    assert done.status == 2
    assert "Unknown collection 'chestxray'; did you mean" in done.err
    assert "chestxray14" in done.err


def test_verify_shows_what_differs(hilum, copy):
    done = hilum("datasets", "verify", "chestxray14", copy)
    assert done.status == 1
    row = next(line for line in done.out.splitlines() if line.startswith("images "))
    assert row.split() == ["images", "112,120", "2", "-112,118"]
    assert "13 present on no image: Atelectasis, Cardiomegaly" in done.out
    assert "Note: No boxes: BBox_List_2017.csv is not here." in done.out
    assert "Note: 1 of 2 images has no file here: 00000002_000.png." in done.out
    assert "1 image file has no row: images/00000009_000.png." in done.out
    assert "Missing: 1 of 2" in hilum("datasets", "verify", "chestxray14", copy, "--images").out


def test_verify_what_cannot_be_read(hilum, tmp_path):
    done = hilum("datasets", "verify", "chestxray14", tmp_path)
    assert done.status == 2
    assert "Data_Entry_2017_v2020.csv is not in" in done.err
    assert "others are v2020-chexnet, 2017" in done.err


def test_verify_real_labels(hilum, shared):
    done = hilum(
        "datasets", "verify", "siim-covid19", shared / "labels", "--variant", "kfold"
    )  # fmt: skip
    assert done.status == 0
    assert "Sound: labels of SIIM-FISABIO-RSNA COVID-19 are as published." in done.out


@pytest.mark.parametrize("name", ["labels.csv", "labels.parquet"])
def test_table_of_a_collection(hilum, copy, tmp_path, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'hilum[analyse]'")
    done = hilum("datasets", "table", "chestxray14", copy, "-o", tmp_path / name)
    assert done.status == 0
    table = load(tmp_path / name)
    assert table.images.tolist() == ["images/00000001_000.png", "00000002_000.png"]
    assert "2 images of 2 patients" in done.out
    assert "1 image has no file, its row holds a name only: 00000002_000.png." in done.out
    assert "1 image file has no row: images/00000009_000.png." in done.out


def test_table_of_what_has_files(hilum, copy, tmp_path):
    out = tmp_path / "labels.csv"
    done = hilum("datasets", "table", "chestxray14", copy, "-o", out, "--with-files")
    assert done.status == 0
    assert load(out).images.tolist() == ["images/00000001_000.png"]
    assert "1 image has no file, left out" in done.out
    (copy / "images" / "00000001_000.png").unlink()
    done = hilum("datasets", "table", "chestxray14", copy, "-o", out, "--with-files")
    assert done.status == 2
    assert "None of the 2 images is in" in done.err


def test_table_of_folders(hilum, tmp_path):
    for place in ("covid/p1_a.png", "non/p2_a.png", "junk/x.png"):
        (tmp_path / "data" / place).parent.mkdir(parents=True)
        (tmp_path / "data" / place).touch()
    out = tmp_path / "labels.csv"
    done = hilum("datasets", "table", "folders", tmp_path / "data", "-o", out, "--class",
                 "non=no_finding", "--class", "junk=", "--patient-pattern", r"(p\d)_")  # fmt: skip
    assert done.status == 0
    table = load(out)
    assert table.patients.tolist() == ["p1", "p2"]
    assert table.states.tolist() == [[1], [0]]
    assert "1 image of classes that are left out." in done.out


def test_table_by_a_map(hilum, tmp_path):
    (tmp_path / "all.csv").write_text("file,who,says\na.png,p,Mass\n")
    path = tmp_path / "map.toml"
    path.write_text('table = "all.csv"\nimage = "file"\npatient = "who"\nlabels = "says"\n')
    done = hilum("datasets", "table", path, tmp_path, "-o", tmp_path / "labels.csv")
    assert done.status == 0
    assert load(tmp_path / "labels.csv").findings == ("mass",)
    assert "None of the images is in" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("chestxray14", "here", "-o", "labels.xlsx"), "saved as .csv or .parquet"),
        (("chestxray14", "here", "-o", "none/labels.csv"), "No folder none"),
        (("chestxray14", "none", "-o", "labels.csv"), "No folder none"),
        (("chestxray14", "here", "-o", "labels.csv", "--class", "a=b"), "belong to `folders`"),
        (("folders", "here", "-o", "labels.csv", "--variant", "x"), "belongs to a collection"),
        (("folders", "here", "-o", "labels.csv", "--class", "a"), "wants NAME=FINDING"),
        (("map.toml", "here", "-o", "labels.csv"), "No column map map.toml"),
    ],
)
def test_wrong_arguments(hilum, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    done = hilum("datasets", "table", *arguments)
    assert done.status == 2
    assert message in done.err
    assert not (tmp_path / "labels.csv").exists()


def test_same_pictures_are_named_on_both_sides():
    for name in COLLECTIONS:
        for other in COLLECTIONS.resolve(name).same_images_as:
            assert name in COLLECTIONS.resolve(other).same_images_as, (name, other)


def test_list_and_show_say_which_are_the_same_pictures(hilum):
    row = next(r for r in hilum("datasets", "list").out.splitlines() if r.startswith("nih-cxr-lt"))
    assert "chestxray14, rsna-pneumonia" in row
    shown = hilum("datasets", "show", "nih-cxr-lt").out
    assert "Same pictures, in whole or in part, as: chestxray14, rsna-pneumonia" in shown
    assert "Same pictures" not in hilum("datasets", "show", "padchest").out


def test_verify_without_published_counts_is_not_sound(hilum, tmp_path):
    (tmp_path / "metadata.csv").write_text(
        "patientid,finding,view,modality,filename\n1,COVID-19,PA,X-ray,a.jpg\n"
    )
    done = hilum("datasets", "verify", "covid-chestxray", tmp_path)
    assert done.status == 1
    assert "Not compared: no counts are published for this variant" in done.out
    assert "--variant 2020-06-24" in done.out
    assert "Sound" not in done.out


@pytest.mark.parametrize("name", ["folders", "map.toml"])
def test_verify_of_own_data_says_what_to_do(hilum, tmp_path, name):
    done = hilum("datasets", "verify", name, tmp_path)
    assert done.status == 2
    assert "verify compares with published numbers" in done.err
    assert "hilum datasets table" in done.err


@pytest.mark.parametrize("out", ["all.csv", "sub/../all.csv", "boxes.csv", "link.csv"])
def test_what_is_read_is_not_overwritten(hilum, tmp_path, out):
    (tmp_path / "sub").mkdir()
    (tmp_path / "all.csv").write_text("file,who,says\na.png,p,Mass\n")
    (tmp_path / "boxes.csv").write_text("f,l,x,y,w,h\na.png,Mass,1,2,3,4\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "all.csv")
    before = (tmp_path / "all.csv").read_bytes(), (tmp_path / "boxes.csv").read_bytes()
    path = tmp_path / "map.toml"
    path.write_text(
        'table = "all.csv"\nimage = "file"\npatient = "who"\nlabels = "says"\n[boxes]\n'
        'table = "boxes.csv"\nimage = "f"\nfinding = "l"\nbox = ["x", "y", "w", "h"]\n'
    )
    done = hilum("datasets", "table", path, tmp_path, "-o", tmp_path / out)
    assert done.status == 2
    assert "is one of the files that are read" in done.err
    assert before == ((tmp_path / "all.csv").read_bytes(), (tmp_path / "boxes.csv").read_bytes())


def test_published_tables_are_not_overwritten_but_label_tables_are(hilum, copy):
    published = copy / "Data_Entry_2017_v2020.csv"
    before = published.read_bytes()
    done = hilum("datasets", "table", "chestxray14", copy, "-o", published)
    assert done.status == 2
    assert published.read_bytes() == before
    for _ in range(2):
        done = hilum("datasets", "table", "chestxray14", copy, "-o", copy / "labels.csv")
        assert done.status == 0


def test_brackets_of_data_are_no_markup(hilum, tmp_path):
    (tmp_path / "all.csv").write_text("file,who,says,x\n[red]a.png,p,Mass,1\n")
    path = tmp_path / "map.toml"
    path.write_text(
        'table = "all.csv"\nimage = "file"\npatient = "who"\nlabels = "says"\n'
        '[columns]\n"[bold]ward[/]" = "x"\n'
    )
    out = tmp_path / "[red]labels.csv"
    done = hilum("datasets", "table", path, tmp_path, "-o", out)
    assert done.status == 0
    assert "Columns: [bold]ward[/]" in done.out
    assert "1 image of 1 patient\n" in done.out
    assert f"Written: {out}, 1 row" in done.out


def test_fetch_is_among_the_commands(hilum):
    assert "fetch" in hilum("datasets", "--help").out
