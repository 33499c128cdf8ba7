"""A DICOM file to findings and heatmaps, warm, on two cores, against TorchXRayVision."""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from importlib.util import find_spec

from benchmarks.machine import CORES
from benchmarks.material import SYNTAXES, densenet, dicom_files, reading_bundle
from benchmarks.measure import Side, Times, Worker, interleave, ratio, worker
from benchmarks.options import Options
from benchmarks.results import Mark, Section, Table
from benchmarks.sides import Bundles

ROUNDS = 11
BATCH = 10
BATCH_ROUNDS = 3

SAME = "Hilum, the same DenseNet121"
SHIPPED = "Hilum, chest14"
OPENVINO = ", OpenVINO"
"""Behind the side's name, where OpenVINO runs its network."""
THEIRS = "TorchXRayVision"
THEIRS_CV2 = "TorchXRayVision, OpenCV resizes"
THEIRS_GRADIENT = "TorchXRayVision, its gradient heatmap"
MARKS = {SAME: 4.0, SHIPPED: 6.0}
"""How many times as long TorchXRayVision should take for the plain file."""

Steps = dict[str, dict[str, float]]
"""Bundle → step → median seconds."""


def run(options: Options) -> Section:
    """Measure."""
    title = "Reading: DICOM to findings and heatmaps"
    missing = [name for name in ("torchxrayvision", "gdcm") if find_spec(name) is None]
    if missing:
        return Section(
            "reading", title, skipped=f"{', '.join(missing)} not installed: `make bench` does it."
        )
    paths = dicom_files(options.folder / "files", options.size)
    files = {syntax: str(path) for syntax, path in paths.items()}
    same, state = densenet(options.folder)
    shipped, said = reading_bundle("chest14", paths["explicit"], options.folder)
    bundles = {SAME: (str(same), "onnxruntime")}
    if shipped:
        bundles[SHIPPED] = shipped, "onnxruntime"
    if find_spec("openvino") is not None:
        bundles |= {name + OPENVINO: (where, "openvino") for name, (where, _) in bundles.items()}
    rounds = options.rounds(ROUNDS)
    with ExitStack() as stack:
        start = stack.enter_context
        ours = start(worker("benchmarks.sides:hilum_side", bundles, CORES))
        theirs = start(worker("benchmarks.sides:xrv_side", str(state), CORES))
        one = {
            syntax: interleave(
                _one_file(ours, theirs, list(bundles), path, every=syntax == "explicit"),
                repeat=rounds,
            )
            for syntax, path in files.items()
        }
    with worker("benchmarks.sides:hilum_stages", bundles, CORES) as stages:
        steps = {name: _steps(stages, name, files["explicit"], rounds) for name in bundles}
    many = _many_files(bundles, str(state), files["explicit"], options.rounds(BATCH_ROUNDS))
    return Section(
        "reading",
        title,
        marks=tuple(_mark(name, one["explicit"], steps, said) for name in MARKS),
        tables=(
            Table(
                f"One file at a time, ms ({rounds} rounds in turns, after one to warm up):",
                ("file", "side", "ms", "TorchXRayVision takes"),
                [
                    [SYNTAXES[syntax], name, str(taken), _against(times, name)]
                    for syntax, times in one.items()
                    for name, taken in times.items()
                ],
            ),
            Table(
                f"{BATCH} plain files, two at a time ({options.rounds(BATCH_ROUNDS)} rounds):",
                ("side", "files a second", "ms for all", "TorchXRayVision takes"),
                [
                    [name, f"{BATCH / taken.median:.1f}", str(taken), _against(many, name)]
                    for name, taken in many.items()
                ],
            ),
            Table(
                "Where Hilum's time goes on the plain file, ms (median):",
                ("step", *steps),
                [
                    [step, *(f"{1000 * of[step]:.1f}" for of in steps.values())]
                    for step in steps[SAME]
                ],
            ),
        ),
        notes=(
            *_notes(options.size),
            f"chest14: {said}. OpenVINO: `--runtime openvino`, in float32.",
        ),
    )


def _one_file(
    ours: Worker, theirs: Worker, bundles: list[str], path: str, *, every: bool
) -> dict[str, Side]:
    sides = {name: ours.side(name, [path]) for name in bundles}
    sides[THEIRS] = theirs.side([path])
    if every:
        sides[THEIRS_CV2] = theirs.side([path], "cv2")
        sides[THEIRS_GRADIENT] = theirs.side([path], "skimage", "gradient")
    return sides


def _many_files(bundles: Bundles, state: str, path: str, rounds: int) -> dict[str, Times]:
    with ExitStack() as stack:
        start = stack.enter_context
        ours = start(worker("benchmarks.sides:hilum_side", bundles, 1))
        theirs = [start(worker("benchmarks.sides:xrv_side", state, 1)) for _ in range(CORES)]

        def both() -> float:
            begun = time.perf_counter()
            for one in theirs:
                one.send([path] * (BATCH // CORES))
            for one in theirs:
                one.receive()
            return time.perf_counter() - begun

        sides: dict[str, Side] = {n: ours.side(n, [path] * BATCH, CORES) for n in bundles}
        return interleave(sides | {THEIRS: both}, repeat=rounds)


def _steps(stages: Worker, bundle: str, path: str, rounds: int) -> dict[str, float]:
    stages(bundle, path)  # warm
    found = [stages(bundle, path)[1] for _ in range(rounds)]
    return {step: statistics.median(one[step] for one in found) for step in found[0]}


def _against(times: dict[str, Times], name: str) -> str:
    return "" if name == THEIRS else str(ratio(times[THEIRS], times[name]))


def _mark(name: str, times: dict[str, Times], steps: Steps, said: str) -> Mark:
    what = f"TorchXRayVision takes ≥ {MARKS[name]:g} × as long as {name} (plain file)"
    if name not in times:
        return Mark(what, said, None)
    found = ratio(times[THEIRS], times[name])
    most = ", ".join(f"{step} {1000 * s:.0f} ms" for step, s in steps[name].items())
    reason = f"of {1000 * times[name].median:.0f} ms, {most}."
    return Mark(what, str(found), found.of_medians >= MARKS[name], reason)


def _notes(size: tuple[int, int]) -> tuple[str, ...]:
    files = f"A drawn chest of {size[0]} × {size[1]} px, 12 of 16 bits, in five transfer syntaxes."
    sides = "Each side is a process of its own with two threads; the other waits meanwhile."
    theirs = (
        "TorchXRayVision: `utils.load_image` (pydicom, with the decoders that it prefers), "
        "`XRayCenterCrop`, `XRayResizer(224)` and `models.DenseNet` as its README shows, random "
        "weights. Its heatmap in the marks is the cheapest there is: feature map × the head's "
        "weights for all 14 findings in the same forward pass. Its own notebook takes the "
        "gradient of one finding at the input, which is shown as well; so is the chain with the "
        "faster of its two ways to resize."
    )
    ours = (
        "The same DenseNet121: those very weights exported by `hilum.export` (logits agree within "
        "1e-3). Hilum's reading holds the gate's verdict, probabilities, decisions and 14 heatmaps."
    )
    batch = (
        "Two at a time: Hilum with `read_many(workers=2)`; TorchXRayVision in two processes of "
        "one thread, half of the files each."
    )
    return files, sides, theirs, ours, batch
