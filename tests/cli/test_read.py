"""What `hilum read` says when it was stopped."""

import csv
import re

import numpy as np

from hilum.imaging import encode_png
from hilum.phantoms import draw_chest
from hilum.report.folder import OutputFolder


def test_a_stopped_run_counts_what_stands_in_its_folder(hilum, tiny_bundle, tmp_path, monkeypatch):
    films = tmp_path / "films"
    films.mkdir()
    for seed in range(6):
        chest = draw_chest(np.random.default_rng(seed), size=(300, 320))
        (films / f"{seed}.png").write_bytes(encode_png(chest.pixels))
    out, add = tmp_path / "out", OutputFolder.add
    entered = []

    def stopped(self, drawn):
        done = add(self, drawn)
        entered.append(done.name)
        if len(entered) == 2:
            raise KeyboardInterrupt  # after it was entered
        return done

    command = ("read", films, "-o", out, "--bundle", tiny_bundle.location, "--workers", "1")
    with monkeypatch.context() as patch:
        patch.setattr(OutputFolder, "add", stopped)
        done = hilum(*command)
    assert done.status == 130
    table = {name: _rows(out / f"{name}.csv") for name in ("readings", "refused")}
    assert table["readings"] + table["refused"] == 2
    assert f"Read {table['readings']} of 2 files" in done.out
    assert "Stopped with 4 left" in done.out
    done = hilum(*command, "--resume")
    assert re.search(r"Read \d of 4 files .*; 2 were done before\.", done.out)


def _rows(path):
    with path.open(newline="") as file:
        return len(list(csv.DictReader(file)))
