from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs torch: pip install 'hilum[train]'")

from hilum.cli import main

pytestmark = pytest.mark.train


def called(*arguments: str | Path) -> object:
    with pytest.raises(SystemExit) as end:
        main([str(one) for one in arguments])
    return end.value.code


def test_studies_and_their_arms_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("study", "list") == 0
    assert "levers" in capsys.readouterr().out
    assert called("study", "list", "levers") == 0
    told = capsys.readouterr().out
    assert "auroc-margin" in told
    assert "S2, loss, against base" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "lever"), "levers"),
        (("run", "levers", "--only", "focla"), "focal"),
        (("run", "levers", "--seeds", "one"), "whole numbers"),
        (("table", "levers"), "no arm"),
    ],
)
def test_what_cannot_be_run_is_told(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called("study", *arguments, "--data", tmp_path, "-o", tmp_path / "out") == 2
    assert message in capsys.readouterr().err
