"""Make the pictures of `docs/serve-page.md`: pages of a server with drawn patients.

Usage: .venv/bin/python scripts/serve_pictures.py [docs/images]. Needs Debian's chromium and the
extras serve and dev.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import uvicorn
from playwright.sync_api import Page, sync_playwright

from hilum.imaging import write_dicom
from hilum.phantoms import Lesion, draw_chest, draw_hand
from hilum.service.files import Files
from hilum.service.process import Here, here
from hilum.service.reading.process import read_waiting
from hilum.service.settings import Settings
from hilum.service.store.migrating import migrate
from hilum.service.web.app import application
from hilum.service.web.tokens import make_token

LARGEST_BYTES = 200_000
PATIENTS = (
    # seed, name, day, finding; the same seed draws the same person
    (7, "PHANTOM^ANNE", "20261102", None),
    (7, "PHANTOM^ANNE", "20261120", "effusion"),
    (12, "PHANTOM^BRUNO", "20261121", "effusion"),
    (11, "PHANTOM^MEI=圖^小美", "20261121", "effusion"),
    (10, "PHANTOM^DAVID", "20261121", "cardiomegaly"),
    (0, "PHANTOM^WEI=圖^大偉", "20261121", None),
    (1, "PHANTOM^EVA", "20261121", None),
)


def bring(server: Here) -> None:
    """Draw the patients and have them read."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "drawn.dcm"
        for number, (seed, name, day, finding) in enumerate(PATIENTS):
            extent = 1.0 if finding == "cardiomegaly" else 0.9
            lesions = [Lesion(finding, extent=extent)] if finding else []
            drawn = draw_chest(np.random.default_rng(seed), lesions=lesions)
            _write(file, drawn.pixels, seed, name, number, StudyDate=day)
            server.door.accept(file.read_bytes(), origin="dimse:WARD")
        hand = draw_hand(np.random.default_rng(1))
        _write(file, hand.pixels, 99, "PHANTOM^FRED", 99, StudyDate="20261121",
               BodyPartExamined="HAND")  # fmt: skip
        server.door.accept(file.read_bytes(), origin="dimse:WARD")
    read_waiting(server)


def _write(file: Path, pixels: Any, seed: int, name: str, number: int, **more: Any) -> None:
    write_dicom(
        file, np.rint(pixels * 4095).astype(np.uint16), bits_stored=12, patient_name=name,
        patient_id=f"D{1000 + seed}", sex="MF"[seed % 2], age=f"{30 + seed:03d}Y",
        spacing_mm=(0.35, 0.35), study_uid=f"2.25.1{number}", instance_uid=f"2.25.2{number}",
        overrides={"StudyTime": f"0{7 + number % 3}1500", "StudyDescription": "Chest PA",
                   "PatientBirthDate": f"{1996 - seed}0401", "AccessionNumber": f"A{20 + number}",
                   "SpecificCharacterSet": "ISO_IR 192", **more},
    )  # fmt: skip


def shoot(url: str, token: str, out: Path) -> None:
    """Take the pictures."""
    with sync_playwright() as tool:
        browser = tool.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--hide-scrollbars"]
        )
        desk = browser.new_page(viewport={"width": 1300, "height": 900}, locale="en-GB")
        _sign_in(desk, url, token)
        _save(desk, out / "serve-worklist.webp")
        desk.click("a.who >> nth=0")
        desk.wait_for_selector("#stage[data-ready=yes]")
        desk.wait_for_load_state("networkidle")
        _save(desk, out / "serve-study.webp")
        desk.evaluate("document.querySelector('#visits').scrollIntoView()")
        desk.wait_for_selector("#visits-flip:not(:disabled)", timeout=60_000)
        desk.evaluate("document.querySelector('#visits').scrollIntoView({behavior: 'instant'})")
        desk.wait_for_load_state("networkidle")
        _save(desk, out / "serve-visits.webp")
        phone = browser.new_context(
            viewport={"width": 390, "height": 844}, locale="zh-TW", color_scheme="dark"
        ).new_page()
        _sign_in(phone, url, token)
        phone.click("a.who >> nth=0")
        phone.wait_for_selector("#stage[data-ready=yes]")
        phone.wait_for_load_state("networkidle")
        _save(phone, out / "serve-phone.webp", height=1500)
        browser.close()


def _sign_in(page: Page, url: str, token: str) -> None:
    page.goto(f"{url}/sign-in")
    page.fill("#token", token)
    page.click("#sign-in button")
    page.wait_for_selector("a.who")
    page.wait_for_load_state("networkidle")


def _save(page: Page, path: Path, *, height: int | None = None) -> None:
    shot = page.screenshot(full_page=height is not None)
    pixels = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise SystemExit(f"chromium took no picture for {path}")
    cv2.imwrite(str(path), pixels[:height], [cv2.IMWRITE_WEBP_QUALITY, 80])
    if path.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size:,} bytes, at most 200,000 wanted")


def main(out: Path) -> None:
    """Bring, serve and shoot."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(folder=Path(folder) / "ward")
        Files(settings.folder).prepare()
        migrate(settings)
        mine = here("web", settings)
        bring(mine)
        server = uvicorn.Server(
            uvicorn.Config(application(mine), host="127.0.0.1", port=0, log_config=None)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        shoot(f"http://127.0.0.1:{port}", make_token(mine.store, "dr-drawn", "read"), out)
        server.should_exit = True
        thread.join()
        mine.store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path("docs/images"))
