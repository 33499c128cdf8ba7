import hashlib
import json
import stat
import zipfile

import pytest

from hilum.bundles import Card, available, load, save, verify
from hilum.bundles import files as bundle_files
from hilum.errors import BundleError, DigestMismatch, InvalidCard, UnknownBundle


@pytest.fixture(params=["folder", "file"])
def bundle(request, tmp_path, tiny_card, tiny_model):
    out = tmp_path / ("tiny" if request.param == "folder" else "tiny.hilum")
    return save(tiny_card, {"model.onnx": tiny_model}, out)


def edit_card(folder, change):
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


def test_a_saved_bundle_loads_as_it_was(bundle, tiny_card, tiny_model):
    again = load(bundle.location)
    assert again == bundle
    assert again.card.model_copy(update={"files": {}}) == tiny_card
    assert again.read_bytes("model.onnx") == tiny_model
    assert str(again) == "tiny 1.2.3"
    assert verify(bundle.location) == []


def test_the_digest_is_that_of_the_card(tmp_path, tiny_card, tiny_model):
    bundle = save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    text = (tmp_path / "tiny" / "card.json").read_bytes()
    assert bundle.digest == hashlib.sha256(text).hexdigest()
    assert bundle.card.files == {"model.onnx": hashlib.sha256(tiny_model).hexdigest()}


def test_folder_and_file_hold_the_same(tmp_path, tiny_card, tiny_model):
    folder = save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    file = save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny.hilum")
    again = save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "again.hilum")
    assert (folder.card, folder.digest) == (file.card, file.digest)
    assert file.location.read_bytes() == again.location.read_bytes()


def test_saving_leaves_nothing_else_and_overwrites_nothing(bundle, tiny_card, tiny_model):
    assert list(bundle.location.parent.iterdir()) == [bundle.location]
    with pytest.raises(BundleError, match="exists; remove it or choose another name"):
        save(tiny_card, {"model.onnx": tiny_model}, bundle.location)
    assert load(bundle.location) == bundle


def test_a_card_without_its_graph_is_not_saved(tmp_path, tiny_card):
    with pytest.raises(InvalidCard, match=r"names model\.onnx, which is not there"):
        save(tiny_card, {"other.onnx": b"x"}, tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()


@pytest.mark.parametrize("name", ["../evil", "card.json", ".hidden", "a\\b"])
def test_names_that_no_bundle_may_hold(tmp_path, tiny_card, name):
    with pytest.raises(BundleError, match="cannot hold a file named"):
        save(tiny_card, {"model.onnx": b"x", name: b"y"}, tmp_path / "tiny")


def test_every_change_of_a_file_is_noticed(tmp_path, tiny_card, tiny_model):
    folder = tmp_path / "tiny"
    save(tiny_card, {"model.onnx": tiny_model, "notes.txt": b"a"}, folder)
    (folder / "model.onnx").write_bytes(tiny_model[:-1] + b"\0")
    (folder / "extra.pkl").write_bytes(b"x")
    (folder / "notes.txt").unlink()
    (folder / ".DS_Store").write_bytes(b"hidden files are no part of a bundle")
    with pytest.raises(DigestMismatch, match="get it again") as caught:
        load(folder)
    for fault in ("'model.onnx' differs", "'extra.pkl' is not on the card", "'notes.txt' is miss"):
        assert fault in str(caught.value)
    assert len(verify(folder)) == 3


def test_a_change_after_loading_is_noticed(tmp_path, tiny_card, tiny_model):
    bundle = save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    (tmp_path / "tiny" / "model.onnx").write_bytes(b"other")
    with pytest.raises(DigestMismatch, match=r"'model\.onnx' differs"):
        bundle.read_bytes("model.onnx")
    with pytest.raises(BundleError, match=r"did you mean model\.onnx"):
        bundle.read_bytes("model.onx")


def test_all_faults_of_a_card_are_named(tmp_path, tiny_card, tiny_model):
    folder = tmp_path / "tiny"
    save(tiny_card, {"model.onnx": tiny_model}, folder)

    def spoil(card):
        del card["licence"]
        card["findings"][0]["calibration"]["slope"] = -1
        card["preprocessing"]["fit"] = "stretch"
        card["surprise"] = 1

    edit_card(folder, spoil)
    with pytest.raises(InvalidCard, match="4 faults in the card") as caught:
        load(folder)
    text = str(caught.value)
    for place in ("licence: Field required", "findings.0.calibration.slope", "got -1",
                  "preprocessing.fit", "'stretch'", "surprise"):  # fmt: skip
        assert place in text
    assert len(verify(folder)) == 1


def test_a_finding_outside_the_vocabulary(tmp_path, tiny_card, tiny_model):
    folder = tmp_path / "tiny"
    save(tiny_card, {"model.onnx": tiny_model}, folder)
    edit_card(folder, lambda card: card["findings"][1].update(key="pnuemonia"))
    with pytest.raises(InvalidCard, match=r"findings\.1\.key: .*did you mean pneumonia"):
        load(folder)


def test_a_graph_without_a_digest_is_refused(tmp_path, tiny_card, tiny_model):
    folder = tmp_path / "tiny"
    save(tiny_card, {"model.onnx": tiny_model}, folder)
    edit_card(folder, lambda card: card.update(files={}))
    with pytest.raises(DigestMismatch, match=r"states no digest of 'model\.onnx'"):
        load(folder)


def test_a_card_that_is_no_json(tmp_path):
    (tmp_path / "card.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(InvalidCard, match="Invalid JSON"):
        load(tmp_path)


def test_what_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match=r"holds no card\.json"):
        load(tmp_path)
    (tmp_path / "x.hilum").write_bytes(b"text")
    with pytest.raises(BundleError, match=r"expected a folder with card\.json, or a \.hilum file"):
        load(tmp_path / "x.hilum")


def test_an_unknown_name(tmp_path, monkeypatch):
    with pytest.raises(UnknownBundle, match="hilum bundles list"):
        load("no-such-bundle-anywhere")
    monkeypatch.setattr("hilum.bundles.store.SHIPPED", tmp_path)
    (tmp_path / "chest14").mkdir()
    (tmp_path / "chest14" / "card.json").touch()
    with pytest.raises(UnknownBundle, match="did you mean chest14"):
        load("chets14")


def test_shipped_bundles_are_sound():
    for name in available():
        assert verify(name) == []
        assert load(name).card.name == name


def zip_of(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members:
            archive.writestr(member, data)
    return path


def test_a_member_that_would_leave_the_folder(tmp_path):
    path = zip_of(tmp_path / "x.hilum", [("card.json", "{}"), ("../evil.txt", "x")])
    with pytest.raises(BundleError, match="no plain file name"):
        load(path)


def test_a_member_that_is_a_link(tmp_path):
    link = zipfile.ZipInfo("model.onnx")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zip_of(tmp_path / "x.hilum", [("card.json", "{}"), (link, "/etc/passwd")])
    with pytest.raises(BundleError, match="is a link"):
        load(path)


def test_a_compressed_member_may_be_a_bomb(tmp_path):
    bomb = zipfile.ZipInfo("model.onnx")
    bomb.compress_type = zipfile.ZIP_DEFLATED
    path = zip_of(tmp_path / "x.hilum", [("card.json", "{}"), (bomb, b"\0" * 1_000_000)])
    with pytest.raises(BundleError, match="members must be stored"):
        load(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_stands_twice(tmp_path):
    path = zip_of(tmp_path / "x.hilum", [("card.json", "{}"), ("card.json", "{}")])
    with pytest.raises(BundleError, match="stands twice"):
        load(path)


def test_sizes_are_capped_before_reading(tmp_path, monkeypatch, tiny_card, tiny_model):
    save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny.hilum")
    save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    monkeypatch.setattr(bundle_files, "LARGEST_FILE", len(tiny_model) - 1)
    for name in ("tiny", "tiny.hilum"):
        with pytest.raises(BundleError, match=r"at most .* are read"):
            load(tmp_path / name)


def test_a_cut_file_is_refused(tmp_path, tiny_card, tiny_model):
    path = tmp_path / "tiny.hilum"
    save(tiny_card, {"model.onnx": tiny_model}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match="is no bundle"):
        load(path)
    path.write_bytes(whole.replace(tiny_model[100:200], b"\0" * 100))
    with pytest.raises(BundleError, match="damaged"):
        load(path)


def test_the_schema_of_a_later_version_is_refused(tmp_path, tiny_card, tiny_model):
    save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny")
    edit_card(tmp_path / "tiny", lambda card: card.update(schema="hilum.bundle/2"))
    with pytest.raises(InvalidCard, match=r"schema: .*hilum\.bundle/1"):
        load(tmp_path / "tiny")


def test_a_card_in_json_reads_back_the_same(tiny_card):
    assert Card.model_validate_json(tiny_card.model_dump_json(by_alias=True)) == tiny_card
