"""Make a virtual environment with pip, also where Python came without ensurepip.

Debian splits ``venv`` into a package of its own. There the environment is made without pip, and
pip's own wheel is fetched from the package index, checked against the digest that the index
gives, and used to install itself.

Usage: python3 scripts/environment.py FOLDER
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import venv
from pathlib import Path

OLDEST = (3, 11)


def main(folder: Path) -> None:
    """Make the environment at ``folder`` unless it stands there already."""
    if sys.version_info < OLDEST:
        got = ".".join(map(str, sys.version_info[:3]))
        raise SystemExit(
            f"Hilum needs Python 3.11 or newer, this is {got} ({sys.executable}). "
            "Name a newer one: make PYTHON=python3.12 ..."
        )
    python = folder / "bin" / "python"
    if python.exists() and _has_pip(python):
        return
    if importlib.util.find_spec("ensurepip"):
        venv.create(folder, with_pip=True, clear=True)
        return
    venv.create(folder, with_pip=False, clear=True)
    with tempfile.TemporaryDirectory() as temporary:
        wheel = _fetch_pip(Path(temporary))
        command = [str(python), f"{wheel}/pip", "install", "--quiet", "--no-index", str(wheel)]
        subprocess.run(command, check=True)


def _has_pip(python: Path) -> bool:
    command = [str(python), "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _fetch_pip(into: Path) -> Path:
    """Fetch the newest wheel of pip from the index's list of files (PEP 503)."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/pip/"
    with urllib.request.urlopen(index, timeout=60) as answer:
        page = answer.read().decode()
    link = r'href="([^"]*/pip-([0-9.]+)-py3-none-any\.whl)#sha256=([0-9a-f]{64})"'
    found = {
        tuple(map(int, v.split("."))): (url, digest) for url, v, digest in re.findall(link, page)
    }
    if not found:
        raise SystemExit(f"{index} lists no wheel of pip; install Debian's python3-venv instead.")
    url, expected = found[max(found)]
    with urllib.request.urlopen(urllib.parse.urljoin(index, url), timeout=60) as answer:
        data = answer.read()
    got = hashlib.sha256(data).hexdigest()
    if got != expected:
        raise SystemExit(f"pip's wheel has SHA-256 {got}, the index says {expected}.")
    wheel = into / url.rpartition("/")[2]
    wheel.write_bytes(data)
    return wheel


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
