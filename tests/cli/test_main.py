import importlib
import subprocess
import sys

import pytest

import hilum as package
from hilum.cli import COMMANDS, HELP
from hilum.errors import RunError


def imported_by(*arguments):
    """Top-level modules that the command line imports when it is called so."""
    code = (
        "import sys\n"
        "from hilum.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit:\n    print('|'.join(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stdout.splitlines()[-1].split("|"))


def test_help_lists_every_command_and_imports_none():
    modules = imported_by("--help")
    assert "typer" in modules
    assert not {m for m in modules if m.startswith("hilum.cli.")}
    assert not modules & {"numpy", "cv2", "pydantic", "onnxruntime", "pydicom", "torch", "jinja2"}


@pytest.mark.parametrize("arguments", [("read", "--help"), ("bundles", "list")])
def test_commands_of_the_base_installation_import_no_torch(arguments):
    heavy = {"torch", "sklearn", "scipy", "pandas", "matplotlib"}
    assert not imported_by(*arguments) & heavy


def test_making_a_bundle_imports_no_torch(tmp_path):
    assert "torch" not in imported_by(
        "bundles", "make", "--onnx", str(tmp_path / "x"), "--card", "y", "-o", "z"
    )


def test_every_command_has_a_line_of_help(hilum):
    assert set(HELP) == set(COMMANDS)
    done = hilum("--help")
    assert done.status == 0
    for name, line in HELP.items():
        assert name in done.out
        assert line in done.out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_resolves(name):
    assert callable(COMMANDS.resolve(name))
    assert importlib.import_module(COMMANDS[name].split(":")[0]).__doc__


def test_version(hilum):
    done = hilum("--version")
    assert (done.status, done.out) == (0, f"hilum {package.__version__}\n")


def test_a_mistyped_command(hilum):
    done = hilum("raed")
    assert done.status == 2
    assert "Did you mean 'read'" in done.err


def test_without_arguments_the_help_is_shown(hilum):
    done = hilum()
    assert "Commands" in done.out + done.err


def test_an_error_of_hilum_is_one_clear_line(hilum):
    done = hilum("bundles", "show", "no-such-bundle")
    assert done.status == 2
    assert done.err.startswith("Error: Unknown bundle 'no-such-bundle'")
    assert "Traceback" not in done.err


def test_debug_shows_where_an_error_comes_from():
    from hilum.cli import main

    with pytest.raises(RunError, match="does not exist"):
        main(["--debug", "read", "no-such-folder", "-o", "out"])


def test_a_bug_says_how_to_see_it(hilum, monkeypatch):
    def broken():
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("hilum.bundles.available", broken)
    done = hilum("bundles", "list")
    assert done.status == 70
    assert "ZeroDivisionError at test_main.py:" in done.err
    assert "hilum --debug bundles" in done.err
    assert "a bug" not in done.err  # a message may quote a header
    assert "Traceback" not in done.err
