"""The files in ``deploy/`` say what the program takes."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib

import pytest

from hilum.service.settings import Settings, read_settings
from hilum.service.starting import check


@pytest.fixture
def text(repository):
    return (repository / "deploy" / "hilum.toml").read_text("utf-8")


def test_the_example_holds_the_defaults(repository, text):
    settings = read_settings(repository / "deploy" / "hilum.toml")
    assert check(settings) == []
    assert settings == Settings(folder=settings.folder)


def test_the_example_names_every_setting(text, tmp_path):
    """With its examples uncommented it is a whole file that names each key there is."""
    whole = re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)
    whole = whole.replace('bundle = "chest14"', "").replace('header = "Auth', 'header = "Auth')
    path = tmp_path / "whole.toml"
    path.write_text(whole, "utf-8")
    read_settings(path)
    given = tomllib.loads(whole)

    def missing(model, table, where):
        for name, field in model.model_fields.items():
            if name == "bundle":
                continue
            assert name in table, f"{where}{name} is not in the example"
            inner = field.annotation
            if hasattr(inner, "model_fields"):
                missing(inner, table[name], f"{where}{name}.")

    missing(Settings, given, "")
    for name in ("places", "webhooks"):
        kind = Settings.model_fields[name].annotation.__args__[0]
        keys = set().union(*given[name])
        assert set(kind.model_fields) - keys <= {"tls"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_understands_the_unit(repository):
    done = subprocess.run(
        ["systemd-analyze", "verify", str(repository / "deploy" / "hilum.service")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if "is not executable" not in line]
    assert [line for line in said if "hilum.service" in line] == []


def test_the_container_installs_extras_that_there_are(repository):
    recipe = (repository / "deploy" / "Containerfile").read_text("utf-8")
    project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", recipe)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    for copied in re.findall(r"^COPY (?!--from)(.*) \S+$", recipe, re.MULTILINE):
        for name in copied.split():
            assert (repository / name).exists(), name
