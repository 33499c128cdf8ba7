"""ONNX Runtime on the processor: what every installation has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.errors import InvalidCard

if TYPE_CHECKING:
    from hilum.runtime.graph import Run

_ERRORS_ONLY = 3


def compile_graph(model: bytes, source: str, outputs: Sequence[str], *, threads: int) -> Run:
    """Open a session on a graph in memory.

    Args:
        model: an ONNX graph without external data.
        source: name of the input.
        outputs: names of the outputs, in the order wanted.
        threads: threads of one call.

    Raises:
        InvalidCard: the graph cannot be loaded, or has no such input or output.
    """
    import onnxruntime as ort
    from onnxruntime.capi.onnxruntime_pybind11_state import (  # pyright: ignore[reportMissingImports]
        Fail,
        InvalidArgument,
        InvalidGraph,
        InvalidProtobuf,
        RuntimeException,
    )
    from onnxruntime.capi.onnxruntime_pybind11_state import (
        NotImplemented as NotSupported,
    )

    ort.set_default_logger_severity(_ERRORS_ONLY)  # containers without a GPU get a warning each
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Memory of a run goes back when the run ends. The arena would keep the largest it ever needed,
    # once a thread; measured, it gains no speed for networks of this size.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    # A thread that spins while it waits takes a processor from the decoders.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    faults = (
        Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NotSupported, RuntimeException,
    )  # fmt: skip
    try:
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except faults as error:
        raise InvalidCard(
            f"ONNX Runtime {ort.__version__} cannot load the graph: {error}"
        ) from error
    has_in = [i.name for i in session.get_inputs()]
    has_out = [o.name for o in session.get_outputs()]
    if has_in != [source]:
        raise InvalidCard(f"the card names the input {source!r}, the graph has {has_in}")
    missing = [name for name in outputs if name not in has_out]
    if missing:
        raise InvalidCard(f"the card names the outputs {missing}, the graph has {has_out}")
    wanted = list(outputs)

    def run(batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        try:
            return [np.asarray(value) for value in session.run(wanted, {source: batch})]
        except faults as error:
            raise InvalidCard(
                f"the graph does not take an input of shape {list(batch.shape)}: {error}"
            ) from error

    return run
