"""The house as docs/architecture.md draws it."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hilum
from hilum.registry import Registry

SOURCE = Path(hilum.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))


def names_of_modules() -> list[str]:
    found = [m.name for m in pkgutil.walk_packages([str(SOURCE)], "hilum.")]
    return [name for name in found if not name.endswith(".__main__")]  # runs when imported


def test_the_import_contract_holds(repository):
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
    ]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout)


def test_the_contract_and_the_picture_name_every_room(repository):
    rooms = {p.name.removesuffix(".py") for p in SOURCE.iterdir() if p.suffix in ("", ".py")}
    rooms -= {"__init__", "__main__", "__pycache__"}
    contract = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))
    layers = contract["tool"]["importlinter"]["contracts"][0]["layers"]
    in_contract = {name for layer in layers for name in re.findall(r"hilum\.(\w+)", layer)}
    assert in_contract == rooms
    page = (repository / "docs" / "architecture.md").read_text("utf-8")
    picture = page.split("```")[1]
    drawn = set(re.findall(r"\w+", " ".join(line[:70] for line in picture.splitlines())))
    assert rooms <= drawn
    assert rooms - {"lock", "registry", "errors"} <= set(
        re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_is_short_and_its_name_says_something(path):
    assert path.stem not in {"utils", "util", "helpers", "helper", "misc", "common", "manager"}
    assert not {"utils", "helpers", "misc", "common"} & set(path.relative_to(SOURCE).parts)
    assert len(path.read_text("utf-8").splitlines()) <= 500


def registries() -> list[tuple[str, Registry]]:
    found: dict[int, tuple[str, Registry]] = {}
    for name in names_of_modules():
        try:
            module = importlib.import_module(name)
        except ImportError as error:  # the extra `train` is not installed
            if (error.name or "").split(".")[0] not in TRAINING:
                raise
            continue
        for attribute, value in vars(module).items():
            if isinstance(value, Registry):
                found.setdefault(id(value), (f"{name}.{attribute}", value))
    return list(found.values())


TRAINING = {"torch", "torchvision", "timm", "lightning", "safetensors", "onnx", "onnxscript"}
OPTIONAL = TRAINING | {"openvino"}


def test_every_entry_of_every_table_of_contents_resolves():
    tables = registries()
    assert {"hilum.cli.COMMANDS"} <= {name for name, _ in tables}
    resolved = 0
    for _, table in tables:
        for entry in table:
            try:
                assert table.resolve(entry) is not None
            except ImportError as error:
                if (error.name or "").split(".")[0] not in OPTIONAL:
                    raise
            resolved += 1
    assert resolved >= 5
