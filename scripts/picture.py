"""Make the README's picture from the page of `make demo`. Needs Debian's chromium.

Usage: .venv/bin/python scripts/picture.py [hilum-demo/report.html] [docs/images/report.webp]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

WINDOW = (1200, 1350)
LARGEST_BYTES = 300_000


def main(page: Path, picture: Path) -> None:
    """Take a screenshot of ``page`` and write it as WebP."""
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        command = [
            "chromium", "--headless", "--no-sandbox", "--hide-scrollbars",
            f"--window-size={WINDOW[0]},{WINDOW[1]}", "--timeout=8000",
            f"--screenshot={shot}", page.resolve().as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        pixels = cv2.imread(str(shot))
    if pixels is None:
        raise SystemExit(f"chromium took no picture of {page}")
    picture.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(picture), pixels, [cv2.IMWRITE_WEBP_QUALITY, 80])
    if picture.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f"{picture} has {picture.stat().st_size:,} bytes, at most 300,000 wanted")


if __name__ == "__main__":
    given = [Path(a) for a in sys.argv[1:]]
    default = [Path("hilum-demo/report.html"), Path("docs/images/report.webp")]
    main(*(given + default[len(given) :]))
