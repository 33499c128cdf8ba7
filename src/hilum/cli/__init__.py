"""The command ``hilum``: thin; each command lives in a file of its own and is imported when called.

``hilum --help`` imports Typer and nothing of Hilum: the table below holds what it shows.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import hilum
from hilum.errors import HilumError
from hilum.registry import Registry

COMMANDS = Registry(
    "command",
    [
        ("read", "hilum.cli.read:read"),
        ("lungs", "hilum.cli.lungs:lungs"),
        ("demo", "hilum.cli.demo:demo"),
        ("inspect", "hilum.cli.inspect:inspect"),
        ("datasets", "hilum.cli.datasets:app"),
        ("explore", "hilum.cli.explore:explore"),
        ("convert", "hilum.cli.convert:convert"),
        ("deidentify", "hilum.cli.deidentify:deidentify"),
        ("pack", "hilum.cli.pack:pack"),
        ("split", "hilum.cli.split:split"),
        ("subset", "hilum.cli.subset:subset"),
        ("bundles", "hilum.cli.bundles:app"),
        ("cascades", "hilum.cli.cascades:app"),
        ("recipes", "hilum.cli.recipes:app"),
        ("train", "hilum.cli.train:train"),
        ("ensemble", "hilum.cli.ensemble:ensemble"),
        ("recalibrate", "hilum.cli.recalibrate:recalibrate"),
        ("fuse", "hilum.cli.fuse:fuse"),
        ("submit", "hilum.cli.submit:submit"),
        ("evaluate", "hilum.cli.evaluate:evaluate"),
        ("audit", "hilum.cli.audit:audit"),
        ("study", "hilum.cli.study:app"),
        ("rounds", "hilum.cli.rounds:rounds"),
        ("serve", "hilum.cli.serve:app"),
    ],
)

HELP = {
    "read": "Read radiographs: findings, heatmaps, tables and a report page.",
    "lungs": "Find the lungs on radiographs: masks, boxes, crops.",
    "demo": "Read an example study that Hilum draws itself, and show the page.",
    "inspect": "Print what is in a file and what intake would do with it.",
    "datasets": "List, show and verify published collections; write label tables.",
    "explore": "Show what a label table holds: counts, pairs, patients, shortcuts, boxes.",
    "convert": "Convert a collection to pictures of one size and format, de-identified.",
    "deidentify": "Write DICOM files and pictures without what identifies a patient.",
    "pack": "Pack radiographs for training: decoded once, read fast.",
    "split": "Divide a label table by patient: train, tune and test, folds, sources, time.",
    "subset": "Take rows, findings or labels out of a label table.",
    "bundles": "List, show, verify, make and pull bundles: networks with their cards.",
    "cascades": "List, show and check cascades: chains of bundles.",
    "recipes": "List, show and copy the recipes that come with the package.",
    "train": "Train a network from a recipe, and leave a bundle.",
    "evaluate": "Say how good a model is, how sure that is, and where it fails.",
    "fuse": "Fuse the boxes of several models on the same images.",
    "submit": "Fill an organiser's CSV with predictions.",
    "recalibrate": "Fit a bundle's calibration anew on a local sample.",
    "ensemble": "Make one bundle of several runs: mean, averaged weights, one a finding.",
    "audit": "Ask whether to believe a result: leakage, shortcuts, baselines, labels, drift.",
    "study": "Run many trainings that differ in one lever each, and write the table.",
    "serve": "Serve a page with a worklist, an API and a DICOM listener.",
    "rounds": "Try reading rounds on labelled radiographs: a sweep, a genetic search.",
}

USAGE = 2
"""Exit status when nothing could be done: wrong arguments, no such bundle, no place to write."""
FAILED = 70
"""Exit status of an error in Hilum itself (EX_SOFTWARE of sysexits.h)."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Args:
        arguments: without the program's name; those of the process when None.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        application(given)(given)
    except HilumError as error:
        if "--debug" in given:
            raise
        typer.echo(f"Error: {error}", err=True)
        sys.exit(USAGE)
    except Exception as error:
        if "--debug" in given:
            raise
        # The message of an unexpected error may quote a header, hence a patient: the place is told.
        at = traceback.extract_tb(error.__traceback__)[-1]
        typer.echo(
            f"Hilum failed: {type(error).__name__} at {Path(at.filename).name}:{at.lineno}. This "
            f"should not happen; please report it. To see more, put --debug before the command: "
            f"hilum --debug {_called(given) or ''} …",
            err=True,
        )
        sys.exit(FAILED)
    sys.exit(0)


def application(arguments: Sequence[str]) -> typer.Typer:
    """The command line, with only the command imported that the arguments call."""
    called = _called(arguments)
    app = typer.Typer(
        name="hilum",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in COMMANDS:
        if name != called:
            app.command(name, help=HELP[name])(_not_imported)
            continue
        command = COMMANDS.resolve(name)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, help=HELP[name])
        else:
            app.command(name)(command)
    return app


def _called(arguments: Sequence[str]) -> str | None:
    return next((a for a in arguments if not a.startswith("-")), None)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hilum {hilum.__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from (before the command).")
    ] = False,
) -> None:
    """Hilum reads chest radiographs. Research software; no diagnosis."""


def _not_imported() -> None:
    raise AssertionError("only the command that was called is run")
