"""``python -m benchmarks [names…]``: measure, and write ``benchmarks/results.md``."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import circumstances, keep_two_cores
from benchmarks.options import ROOT, Options
from benchmarks.results import render, write

SCRIPTS = (
    "intake",
    "reading",
    "cascade",
    "rounds",
    "detection",
    "fusion",
    "cold",
    "memory",
    "lies",
    "convert",
    "burned_in",
    "explore",
    "pack",
    "similarity",
    "training",
    "bootstrap",
    "serve_latency",
    "serve_load",
    "serve_kill",
    "serve_page",
)
PACKAGES = {
    "intake": ("hilum", "pydicom", "pillow", "opencv-python-headless", "imagecodecs"),
    "reading": ("hilum", "onnxruntime", "torch", "torchxrayvision", "scikit-image", "pydicom"),
    "cascade": ("hilum", "onnxruntime", "opencv-python-headless"),
    "rounds": ("hilum", "onnxruntime", "opencv-python-headless"),
    "fusion": ("hilum", "numpy"),
    "detection": ("hilum", "onnxruntime", "torch", "torchvision", "timm"),
    "cold": ("hilum", "onnxruntime", "torch"),
    "memory": ("hilum", "onnxruntime", "opencv-python-headless"),
    "burned_in": ("hilum", "numpy", "opencv-python-headless"),
    "lies": ("hilum", "numpy", "opencv-python-headless"),
    "explore": ("hilum", "matplotlib", "numpy", "pyarrow"),
    "convert": ("hilum", "pydicom", "pillow", "opencv-python-headless", "imagecodecs"),
    "pack": ("hilum", "numpy", "opencv-python-headless"),
    "similarity": ("hilum", "numpy", "opencv-python-headless"),
    "bootstrap": ("hilum", "numpy", "scikit-learn"),
    "training": ("hilum", "torch", "torchvision", "timm", "lightning"),
    "serve_latency": ("hilum", "onnxruntime", "pynetdicom", "highdicom", "sqlalchemy"),
    "serve_load": ("hilum", "onnxruntime", "pynetdicom", "sqlalchemy", "uvicorn"),
    "serve_kill": ("hilum", "pynetdicom", "sqlalchemy", "psycopg"),
    "serve_page": ("hilum", "fastapi", "uvicorn", "playwright"),
}


def main(arguments: Sequence[str]) -> None:
    """Run the scripts that are named, all without names."""
    parser = _parser()
    said = parser.parse_args(arguments)
    unknown = [name for name in said.names if name not in SCRIPTS]
    if unknown:
        parser.error(f"no script {', '.join(unknown)}; there are {', '.join(SCRIPTS)}")
    keep_two_cores()
    with tempfile.TemporaryDirectory(prefix="hilum-benchmarks-") as folder:
        options = Options(
            folder=Path(folder),
            repeat=said.repeat,
            size=tuple(said.size),
            bundle=said.bundle,
            cascade=said.cascade,
            files=tuple(said.files),
            links=said.links,
            converted=tuple(said.converted),
            served=said.served,
            kills=said.kills,
            data=said.data,
        )
        for name in said.names or SCRIPTS:
            print(f"{name} …", flush=True)
            begun = time.monotonic()
            section = importlib.import_module(f"benchmarks.{name}").run(options)
            text = render(section, circumstances(PACKAGES[name]))
            write(said.out, name, text, keep=bool(section.skipped))
            print(f"{text}\n\n{name}: {time.monotonic() - begun:.0f} s\n", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCRIPTS)}; all without one")
    add("--repeat", type=_positive, help="rounds, instead of what each script thinks right")
    add("--size", type=_positive, nargs=2, default=(3000, 2500), metavar=("ROWS", "COLUMNS"),
        help="of the drawn radiographs")  # fmt: skip
    add("--files", type=_positive, nargs=2, default=(50, 1000), metavar=("FEW", "MANY"),
        help="files in the two runs of `memory`")  # fmt: skip
    add("--links", type=_positive, default=2000, help="files that one worker of `intake` reads")
    add("--converted", type=_positive, nargs=2, default=(300, 2000), metavar=("FEW", "MANY"),
        help="files that `convert` is timed with, and files of its large run")  # fmt: skip
    add("--bundle", default="chest14", help="what `cold` and `memory` read with: name or path")
    add("--cascade", default="covid-then-findings", help="what `cascade` reads with: name or path")
    add("--served", type=_positive, default=2000, help="radiographs of serve_load and serve_kill")
    add("--kills", type=_positive, default=50, help="how often `serve_kill` kills")
    add("--data", type=Path, help="`lies`: folder of the radiographs")
    add("--out", type=Path, default=ROOT / "benchmarks" / "results.md", help="the page to write")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"at least 1, got {value}")
    return value


if __name__ == "__main__":
    main(sys.argv[1:])
