"""``hilum bundles pull``: a published network, from where its authors publish it, as a bundle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hilum.bundles import Bundle
    from hilum.bundles.published import PublishedNetwork
    from hilum.export.published.obtaining import Obtained

DOWNLOADS = ".downloads"
"""Beside the bundles; not listed, as its name begins with a dot."""


def pull(
    name: Annotated[str, typer.Argument(help="From `hilum bundles list --published`.")],
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", help="A copy of the published file; nothing is fetched."
        ),
    ] = None,
    accept_licence: Annotated[
        bool,
        typer.Option("--accept-licence", help="You have read the terms and agree to them."),
    ] = False,
    accept_digest: Annotated[
        str,
        typer.Option(
            metavar="SHA256",
            help="Take a file with this SHA-256 for the right one, where no digest is known or "
            "you know why yours differs.",
        ),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="A new folder, or a path that ends in .hilum.  [default: the folder of your own "
            "bundles, where its name finds it]",
        ),
    ] = None,
) -> None:
    """Fetch a published network, check it, and make a bundle of it.

    Shows its terms and asks for them; compares the file's digest; runs nothing that is in the file;
    writes a bundle only when its graph gives the network's numbers.
    """
    from hilum.bundles.published import published
    from hilum.bundles.store import own_folder

    network = published(name)
    home = own_folder() if out is None else out.absolute().parent
    place = home / network.name if out is None else out
    if place.exists():
        _say_present(place, network, accept_digest)
        return
    _check_extra()
    _agree(network, accept_licence)
    obtained = _obtained(network, own_folder() / DOWNLOADS, file, accept_digest)
    typer.echo(f"{obtained.name}: SHA-256 {obtained.sha256}, {obtained.believed}.")
    bundle = _made(network, obtained, place)
    if obtained.fetched is not None:
        obtained.fetched.unlink(missing_ok=True)
    how = network.name if out is None else place
    typer.echo(f"{bundle}: {len(bundle.card.findings)} findings, in {place}")
    typer.echo(f"The graph gives the network's numbers: {bundle.card.provenance['parity']} (drawn)")
    left = bundle.card.provenance["outputs left out"]
    if left != "none":
        typer.echo(f"Left out: {left}")
    typer.echo("Its scores are not calibrated, and Hilum has not measured it.")
    typer.echo(f"Read with it: hilum read FOLDER -o OUT --bundle {how}")


def _say_present(place: Path, network: PublishedNetwork, digest: str) -> None:
    """A bundle is there already: say which, or why that is another one."""
    from hilum.bundles import load
    from hilum.errors import BundleError

    bundle = load(place)
    began = {start.sha256 for start in bundle.card.start}
    wanted = digest.removeprefix("sha256:").lower()
    if bundle.card.name != network.name or (wanted and wanted not in began):
        raise BundleError(
            f"{place} is there already and is another bundle ({bundle}, digest {bundle.digest}); "
            "remove it, or name another place with -o."
        )
    typer.echo(f"{bundle} is there already, and sound: {place}, digest {bundle.digest}")


def _check_extra() -> None:
    from importlib.util import find_spec

    from hilum.errors import MissingExtra

    lacking = [name for name in ("torch", "timm", "onnx", "safetensors") if not find_spec(name)]
    if lacking:
        raise MissingExtra(
            f"Making a bundle of a published network needs {', '.join(lacking)}; install with: "
            "pip install 'hilum[train]'. Or make it on another machine with -o NAME.hilum and "
            "bring that file: reading needs no more than this installation has."
        )


def _agree(network: PublishedNetwork, accepted: bool) -> None:
    from hilum.errors import BundleError
    from hilum.export.published.terms import terms

    for line in terms(network):
        typer.echo(line)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise BundleError(
            "These terms were not accepted, and there is no terminal to ask on; nothing was "
            "fetched. Where you agree to them, run the same command with --accept-licence."
        )
    if not typer.confirm("Do you agree to these terms?", err=True):
        raise BundleError("The terms were not accepted; nothing was fetched.")


def _obtained(network: PublishedNetwork, folder: Path, file: Path | None, digest: str) -> Obtained:
    from hilum.export.published.obtaining import obtain

    if file is not None:
        return obtain(network, folder, file=file, accepted=digest)
    from hilum.cli.downloads import downloads

    try:
        with downloads() as (watch, _):
            return obtain(network, folder, accepted=digest, watch=watch)
    except KeyboardInterrupt:
        typer.echo("Stopped; what has come is kept, and the same command goes on.", err=True)
        raise typer.Exit(130) from None


def _made(network: PublishedNetwork, obtained: Obtained, place: Path) -> Bundle:
    from hilum.export.published.pull import bundle_of

    typer.echo("Making the bundle, and comparing it with the network (a minute or so).")
    return bundle_of(network, obtained, place)
