"""Does what docs/serve.md tells a new user to do, command by command, beside an Orthanc.

Run in a network of its own (:mod:`tests.service.orthanc`)::

    python tests/flows/first_day.py FOLDER
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.service.orthanc import Orthanc, running  # noqa: E402
from tests.service.serving import serving  # noqa: E402

PAGE = (ROOT / "docs" / "serve.md").read_text("utf-8")
BLOCK = re.compile(r"^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)
SETTINGS = re.search(r"^```toml\n(folder = .*?)^```", PAGE, re.DOTALL | re.MULTILINE)
STARTS = ("pip install", "hilum serve --folder ward", "hilum serve --settings ward.toml")
"""Commands that were done when the rest is: the package is installed, the server runs."""

_WAIT = "for i in $(seq 150); do {} && grep -q 00080060 found.json && break; sleep 0.2; done"


def commands() -> list[tuple[str, str]]:
    """Each command of the page, with what it should say, a line; empty where nothing is told."""
    found: list[tuple[str, str]] = []
    for block in BLOCK.findall(PAGE):
        lines = block.splitlines()
        for number, line in enumerate(lines):
            if line.startswith("$ ") and line[2:] not in STARTS and "pip install" not in line:
                following = lines[number + 1] if number + 1 < len(lines) else ""
                found.append((line[2:], "" if following.startswith("$ ") else following))
    return found


def main(folder: Path) -> None:
    """Do them; anything that fails, or says something else, ends this with an error."""
    assert SETTINGS is not None, "docs/serve.md shows no settings"
    wanted = commands()
    assert len(wanted) >= 7, wanted
    with running(folder / "orthanc") as orthanc:
        said = SETTINGS[1].replace("4242", str(orthanc.dicom)).replace('folder = "ward"\n', "")
        with serving(folder / "ward", said) as server:
            script = ["set -euo pipefail"]
            for command, _ in wanted:
                script.append(_WAIT.format(command) if "Modality=SR" in command else command)
            text = "\n".join(script)
            for written, real in (
                ("http://127.0.0.1:8080", server.page.rstrip("/")),
                ("127.0.0.1 11112", f"127.0.0.1 {server.dicom}"),
                ("127.0.0.1:8042", f"127.0.0.1:{orthanc.http}"),
            ):
                assert written in text, f"docs/serve.md does not use {written}"
                text = text.replace(written, real)
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            done = subprocess.run(
                ["bash", "-c", text], cwd=folder, env=os.environ | {"PATH": path},
                capture_output=True, text=True, check=False, timeout=200,
            )  # fmt: skip
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{server.said()}"
            lines = done.stdout.splitlines()
            for command, answer in wanted:
                assert not answer or answer in lines, f"{command}: no {answer!r} in {lines}"
            _all_there(orthanc)


def _all_there(orthanc: Orthanc) -> None:
    """The results of the radiograph that was sent, which came after the report."""
    until = time.monotonic() + 60
    while True:
        found = {kind: len(orthanc.instances(kind)) for kind in ("SR", "PR", "SEG", "OT")}
        if all(found.values()):
            return
        assert time.monotonic() < until, found
        time.sleep(0.1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    sys.stdout.write("done\n")
