"""OpenVINO: faster on Intel processors; the extra ``openvino``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.errors import InvalidCard, MissingExtra

if TYPE_CHECKING:
    from hilum.runtime.graph import Run


def compile_graph(model: bytes, source: str, outputs: Sequence[str], *, threads: int) -> Run:
    """Compile a graph in memory for the processor.

    Arguments and errors are those of :func:`hilum.runtime.onnx.compile_graph`.

    Raises:
        MissingExtra: OpenVINO is not installed.
    """
    try:
        import openvino  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtra(
            "the runtime 'openvino' needs OpenVINO; install it: pip install 'hilum[openvino]'"
        ) from error
    core = openvino.Core()
    try:
        network = core.read_model(model)
        # float32, so that probabilities agree with ONNX Runtime's on every processor
        compiled = core.compile_model(
            network, "CPU", {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
        )
        ends = [compiled.output(name) for name in outputs]
        compiled.input(source)
    except RuntimeError as error:
        raise InvalidCard(f"OpenVINO cannot load the graph: {error}") from error

    def run(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        request = compiled.create_infer_request()  # one a call: a request serves one thread
        found = request.infer({source: batch})
        return [np.array(found[end], np.float32) for end in ends]

    return run
