import json

from hilum.bundles import load, save


def test_list_names_the_shipped_bundles(hilum, monkeypatch, tiny_bundle):
    monkeypatch.setattr("hilum.bundles.store.SHIPPED", tiny_bundle.location.parent)
    done = hilum("bundles", "list")
    assert done.status == 0
    assert "tiny  1.2.3  3 findings  Three findings by random weights." in done.out


def test_list_without_any(hilum, monkeypatch, tmp_path):
    monkeypatch.setattr("hilum.bundles.store.SHIPPED", tmp_path / "none")
    monkeypatch.setenv("HILUM_BUNDLES", str(tmp_path / "mine"))
    first, second = hilum("bundles", "list").out.splitlines()
    assert first == "No bundles come with this installation."
    assert second.endswith("networks of others can be pulled: hilum bundles list --published")


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


def test_note_writes_onto_the_card_and_show_prints_it(hilum, tiny_card, tiny_model, tmp_path):
    at = save(tiny_card, {"model.onnx": tiny_model}, tmp_path / "tiny").location
    (tmp_path / "audit.json").write_text(json.dumps({
        "schema": "hilum.audit/1", "title": "tiny 1.2.3", "model": None, "images": 9, "patients": 8,
        "verdicts": [{"code": "border-alone", "title": "What does the border tell?",
                      "outcome": "warns", "words": "A little.", "unit": "AUROC left",
                      "number": {"value": 0.61, "low": 0.5, "high": 0.7}}]}))  # fmt: skip
    done = hilum("bundles", "note", at, tmp_path / "audit.json", "--of", "films of 2024")
    assert done.status == 0
    assert "audit.json: 0 numbers, 1 verdicts" in done.out
    assert load(at).digest in done.out
    shown = hilum("bundles", "show", at).out
    for words in ("Audit of films of 2024: 9 images of 8 patients", "warns", "A little."):
        assert words in shown
    done = hilum("bundles", "note", "chest14", tmp_path / "audit.json", "--of", "w")
    assert done.status == 2
    assert "no folder" in done.err
    done = hilum("bundles", "note", at, tmp_path / "none.json", "--of", "w")
    assert done.status == 2
    assert "cannot be read" in done.err
