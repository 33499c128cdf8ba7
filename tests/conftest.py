"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hilum.bundles import Bundle, Card, save

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with radiographs, DICOM files and label tables that lies beside the checkout."""
    folder = Path(os.environ.get("HILUM_SHARED", ROOT.parent / "shared"))
    if not (folder / "radiographs" / "manifest.csv").is_file():
        pytest.skip(f"no test material at {folder.name}/: set HILUM_SHARED to its folder")
    return folder


@pytest.fixture(scope="session")
def tiny_model() -> bytes:
    """A small graph like the real ones: its logits are the means of its maps plus a bias.

    Input "image" [batch, 1, 32, 32]; outputs "logits" [batch, 3], "features" [batch, 6] and
    "cams" [batch, 3, 4, 4].
    """
    helper = pytest.importorskip("onnx.helper", reason="needs onnx: pip install 'hilum[train]'")
    from onnx import TensorProto, numpy_helper

    rng = np.random.default_rng(7)
    weights = {
        "kernel": rng.normal(0, 0.2, (6, 1, 8, 8)),
        "head": rng.normal(0, 1, (3, 6, 1, 1)),
        "bias": np.array([0.5, -0.25, 0.0]),
    }
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["raw"], strides=[8, 8]),
        helper.make_node("Relu", ["raw"], ["map"]),
        helper.make_node("GlobalAveragePool", ["map"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Conv", ["map", "head"], ["cams"]),
        helper.make_node("GlobalAveragePool", ["cams"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("Add", ["flat", "bias"], ["logits"]),
    ]
    end = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "tiny",
        [end("image", TensorProto.FLOAT, ["batch", 1, 32, 32])],
        [
            end("logits", TensorProto.FLOAT, ["batch", 3]),
            end("features", TensorProto.FLOAT, ["batch", 6]),
            end("cams", TensorProto.FLOAT, ["batch", 3, 4, 4]),
        ],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


@pytest.fixture(scope="session")
def tiny_card() -> Card:
    """The card of the tiny graph: three findings, one of them without a trusted calibration."""
    return Card.model_validate(
        {
            "name": "tiny",
            "version": "1.2.3",
            "summary": "Three findings by random weights.",
            "intended_use": "Tests of this package.",
            "not_for": ["Anything else."],
            "licence": "Apache-2.0",
            "network": "one convolution",
            "findings": [
                {
                    "key": "effusion",
                    "calibration": {"slope": 0.5, "intercept": -1.0, "trusted": True},
                    "operating_point": {"threshold": 0.3, "rule": "youden"},
                    "prevalence": 0.2,
                    "positives": 200,
                },
                {
                    "key": "pneumonia",
                    "calibration": {"slope": 1.5, "intercept": 0.25},
                    "operating_point": {"threshold": 0.6},
                    "prevalence": 0.01,
                    "positives": 12,
                },
                {"key": "pleural_thickening"},
            ],
            "preprocessing": {"size": [32, 32], "fit": "letterbox", "value_range": [-1.0, 1.0]},
            "graph": {"features": "features", "cams": "cams"},
        }
    )


@pytest.fixture(scope="session")
def tiny_bundle(
    tiny_model: bytes, tiny_card: Card, tmp_path_factory: pytest.TempPathFactory
) -> Bundle:
    """The tiny graph and its card as a bundle in a folder."""
    out = tmp_path_factory.mktemp("bundles") / "tiny"
    return save(tiny_card, {"model.onnx": tiny_model}, out)


@pytest.fixture(scope="session")
def fixed_bundle(
    tiny_model: bytes, tiny_card: Card, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Bundle]:
    """Makes bundles of the tiny graph that say the same of every radiograph.

    ``fixed_bundle("covid", covid_19=0.9, mass=0.1, nodule=0.2)``: three findings with their
    probabilities; operating points are 0.4. With ``refuses=True`` its gate lets nothing pass.
    """
    from hilum.reading.gate import Statistics

    def make(name: str, *, refuses: bool = False, point: float = 0.4, **said: float) -> Bundle:
        assert len(said) == 3, "the graph has three outputs"
        findings = [
            {
                "key": key,
                "calibration": {
                    "slope": 1e-9,
                    "intercept": float(np.log(p / (1 - p))),
                    "trusted": True,
                },
                "operating_point": {"threshold": point},
                "prevalence": 0.1,
            }
            for key, p in said.items()
        ]
        files = {"model.onnx": tiny_model}
        facts = tiny_card.model_dump(by_alias=True) | {"name": name, "findings": findings}
        if refuses:
            far = np.ones(6, np.float32)
            axes = np.eye(2, 6, dtype=np.float32)
            files["gate.npz"] = Statistics(far, axes, far[:2] * 1e-6, 1e-6, 1e-6).to_bytes()
            facts["gate"] = "gate.npz"
        out = tmp_path_factory.mktemp("fixed") / name
        return save(Card.model_validate(facts), files, out)

    return make
