"""``hilum bundles``: list, show, verify, make, pull, note."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.pull import pull

if TYPE_CHECKING:
    from hilum.bundles import Card

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})

TOLD = (
    "source",
    "file",
    "terms",
    "measured",
    "scores",
    "operating points",
    "preprocessing",
    "gate",
)
"""What the provenance of a published network's bundle says beyond its card's other fields."""

Name = Annotated[
    str, typer.Argument(help="Name from `hilum bundles list`, a folder or a .hilum file.")
]


@app.command("list")
def list_(
    published: Annotated[
        bool,
        typer.Option(
            "--published", help="Networks of others that `hilum bundles pull` makes bundles of."
        ),
    ] = False,
) -> None:
    """List the bundles that are here: those of the package, and those in your own folder."""
    from hilum.bundles import available, load, own
    from hilum.bundles.published import networks
    from hilum.errors import BundleError

    mine = own()
    if published:
        for network in networks().values():
            here = "here" if network.name in mine else "not pulled"
            typer.echo(f"{network.name}  {here}  {len(network.taken)} findings  {network.summary}")
        return
    names = available()
    if not names:
        typer.echo("No bundles come with this installation.")
    for name in (*names, *mine):
        try:
            card = load(name).card
        except BundleError as error:  # one of the user's own must not hide the others
            if name in names:
                raise
            typer.echo(f"{name}  damaged: {error}")
        else:
            typer.echo(f"{name}  {card.version}  {_gives(card)}  {card.summary}")
    more = sum(name not in mine for name in networks())
    if more:
        typer.echo(f"{more} networks of others can be pulled: hilum bundles list --published")


@app.command()
def show(
    name: Name,
    json: Annotated[bool, typer.Option("--json", help="Print card.json as it is.")] = False,
) -> None:
    """Print a bundle's card: findings, use, training data, measured results."""
    from hilum.bundles import load
    from hilum.cli.cards import print_card

    bundle = load(name)
    if json:
        typer.echo(bundle.card.model_dump_json(by_alias=True, indent=1))
        return
    print_card(bundle)
    for what in TOLD:
        if what in bundle.card.provenance:
            typer.echo(f"{what.capitalize()}: {bundle.card.provenance[what]}")


@app.command()
def verify(path: Name) -> None:
    """Check a bundle's card and the digest of every file. Exit status 1 when something is wrong."""
    from hilum.bundles import load
    from hilum.bundles import verify as faults_of

    faults = faults_of(path)
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise typer.Exit(1)
    bundle = load(path)
    files = len(bundle.card.files) + 1
    typer.echo(f"{bundle} is sound: {files} files, digest of the card {bundle.digest}")


@app.command()
def make(
    onnx: Annotated[Path, typer.Option(help="The graph, one file without external data.")],
    card: Annotated[Path, typer.Option(help="The card in TOML; see docs/bundles.md.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A new folder, or a path that ends in .hilum.")
    ],
) -> None:
    """Make a bundle from a network of your own, and check that it does what its card says."""
    from hilum.export.make import make as make_bundle

    bundle = make_bundle(onnx, card, out)
    if bundle.card.findings:
        typer.echo(f"{bundle} is in {out}; read with it: hilum read FOLDER -o OUT --bundle {out}")
    else:
        typer.echo(f"{bundle} is in {out}; it draws {', '.join(bundle.card.structures)}")


@app.command()
def note(
    bundle: Annotated[Path, typer.Argument(help="A folder or a .hilum file: its card changes.")],
    records: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…",
            help="appraisal.json of `hilum evaluate`, audit.json of `hilum audit`.",
        ),
    ],
    *,
    of: Annotated[
        str,
        typer.Option(
            metavar="WORDS",
            help="Which images the numbers are of, and what the network had seen of them; what was "
            "noted under the same words before is replaced.",
        ),
    ],
    elsewhere: Annotated[
        bool,
        typer.Option(
            "--elsewhere", help="They come from where nothing was learnt: another hospital."
        ),
    ] = False,
) -> None:
    """Write what evaluations and audits found onto a bundle's card; all else of it stays."""
    from hilum.bundles import load
    from hilum.bundles.noting import note_all
    from hilum.errors import RunError

    if not bundle.exists():
        raise RunError(f"{bundle} is no folder and no .hilum file; only such a card is changed.")
    held, read = load(bundle), []
    for file in records:
        try:
            read.append((str(file), file.read_bytes()))
        except OSError as error:
            raise RunError(f"{file} cannot be read ({error.strerror}).") from error
    noted = note_all(held, read, of, elsewhere=elsewhere)
    for file, done in zip(records, noted, strict=True):
        held = done.bundle
        more = f", {done.replaced} replaced" if done.replaced else ""
        more += f", {done.undefined} undefined of groups left out" if done.undefined else ""
        typer.echo(f"{file.name}: {done.results} numbers, {done.verdicts} verdicts{more}")
        for words in done.left_out:
            typer.echo(words)
    typer.echo(f"{held} has a new card: {held.digest}")


app.command()(pull)


def _gives(card: Card) -> str:
    findings, structures = len(card.findings), len(card.structures)
    parts = [f"{findings} findings"] * bool(findings) + [f"{structures} masks"] * bool(structures)
    return ", ".join(parts)
