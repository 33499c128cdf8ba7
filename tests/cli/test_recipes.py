from hilum import recipes


def test_the_list_names_every_training_recipe_with_its_first_line(hilum):
    done = hilum("recipes", "list")
    assert done.status == 0
    rows = done.out.splitlines()
    for name in recipes.training():
        about = recipes.about(recipes.locate(name))
        assert about
        assert any(row.split()[:1] == [name] and about[:40] in row for row in rows), name
    assert "multi-label; mobilenet_edgetpu_100; 320 × 320 px" in done.out
    assert "chest14" in recipes.training()
    assert "Not for training, columns: columns/radiographs" in done.out


def test_a_recipe_is_shown_as_it_stands(hilum, capsys):
    for name in (*recipes.training(), *recipes.others()):
        assert hilum("recipes", "show", name).out == recipes.locate(name).read_text("utf-8")


def test_a_copy_is_the_same_and_overwrites_nothing(hilum, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = hilum("recipes", "copy", "chest14")
    assert done.status == 0
    assert "hilum train chest14.toml" in done.out
    mine = tmp_path / "chest14.toml"
    assert mine.read_bytes() == recipes.locate("chest14").read_bytes()
    mine.write_text("# mine\n")
    done = hilum("recipes", "copy", "chest14")
    assert done.status == 2
    assert "exists already and is left as it is" in done.err
    assert mine.read_text() == "# mine\n"


def test_a_copy_goes_into_a_folder_or_a_file(hilum, tmp_path):
    assert hilum("recipes", "copy", "columns/radiographs", tmp_path).status == 0
    assert (tmp_path / "radiographs.toml").is_file()
    assert hilum("recipes", "copy", "chest14", tmp_path / "mine.toml").status == 0
    assert (tmp_path / "mine.toml").is_file()
    done = hilum("recipes", "copy", "chest14", tmp_path / "none" / "mine.toml")
    assert done.status == 2
    assert "cannot be written: No such file or directory" in done.err


def test_an_unknown_name_lists_near_ones(hilum):
    done = hilum("recipes", "show", "chest")
    assert done.status == 2
    assert "Unknown recipe 'chest'; did you mean chest14" in done.err
