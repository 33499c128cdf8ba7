import json

from hilum.bundles import load


def test_list_names_the_shipped_bundles(hilum, monkeypatch, tiny_bundle):
    monkeypatch.setattr("hilum.bundles.store.SHIPPED", tiny_bundle.location.parent)
    done = hilum("bundles", "list")
    assert done.status == 0
    assert "tiny  1.2.3  3 findings  Three findings by random weights." in done.out


def test_list_without_any(hilum, monkeypatch, tmp_path):
    monkeypatch.setattr("hilum.bundles.store.SHIPPED", tmp_path / "none")
    assert hilum("bundles", "list").out == "No bundles come with this installation.\n"


def test_show_prints_the_card(hilum, tiny_bundle):
    done = hilum("bundles", "show", tiny_bundle.location)
    assert done.status == 0
    for text in ("tiny 1.2.3", "Tests of this package.", "Not for: Anything else.", "32 × 32 px",
                 "Pleural effusion", "0.300 (youden)", "none, uncalibrated",
                 tiny_bundle.digest):  # fmt: skip
        assert text in done.out


def test_show_as_json(hilum, tiny_bundle):
    done = hilum("bundles", "show", tiny_bundle.location, "--json")
    assert json.loads(done.out) == json.loads((tiny_bundle.location / "card.json").read_text())


def test_verify(hilum, tiny_bundle, tmp_path):
    done = hilum("bundles", "verify", tiny_bundle.location)
    assert done.status == 0
    assert "tiny 1.2.3 is sound: 2 files" in done.out
    for name in ("card.json", "model.onnx"):
        (tmp_path / name).write_bytes((tiny_bundle.location / name).read_bytes())
    (tmp_path / "model.onnx").write_bytes(b"other")
    done = hilum("bundles", "verify", tmp_path)
    assert (done.status, done.out) == (1, "'model.onnx' differs from the digest on the card\n")
    assert hilum("bundles", "verify", tmp_path / "nothing").status == 2


def test_make(hilum, tiny_model, tmp_path):
    (tmp_path / "net.onnx").write_bytes(tiny_model)
    keys = ", ".join(f'{{ key = "{key}" }}' for key in ("mass", "nodule", "hernia"))
    (tmp_path / "card.toml").write_text(
        f'name = "mine"\nversion = "1.0.0"\nsummary = "s"\nintended_use = "u"\nlicence = "l"\n'
        f"findings = [{keys}]\npreprocessing = {{ size = [32, 32] }}\n"
    )
    arguments = ("--onnx", tmp_path / "net.onnx", "--card", tmp_path / "card.toml", "-o")
    done = hilum("bundles", "make", *arguments, tmp_path / "mine.hilum")
    assert done.status == 0
    assert "--bundle" in done.out
    assert load(tmp_path / "mine.hilum").card.name == "mine"
    done = hilum("bundles", "make", *arguments, tmp_path / "mine.hilum")
    assert done.status == 2
    assert "exists; remove it" in done.err
