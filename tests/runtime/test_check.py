import numpy as np
import pytest

from hilum.runtime.check import graph_faults


def changed(card, **fields):
    return type(card).model_validate(card.model_dump() | fields)


def test_a_graph_that_does_what_its_card_says(tiny_model, tiny_card):
    assert graph_faults(tiny_model, tiny_card) == []


def test_another_number_of_findings(tiny_model, tiny_card):
    card = changed(tiny_card, findings=tiny_card.model_dump()["findings"][:2])
    assert graph_faults(tiny_model, card) == [
        "output 'logits' is [1, 3], expected [1, 2] for 2 findings",
        "output 'cams' is [1, 3, 4, 4], expected [1, 2, h, w] for 2 findings",
    ]


def test_another_size(tiny_model, tiny_card):
    preprocessing = tiny_card.preprocessing.model_dump() | {"size": (64, 32)}
    (fault,) = graph_faults(tiny_model, changed(tiny_card, preprocessing=preprocessing))
    assert "does not take an input of shape [1, 1, 64, 32]" in fault


def edited(model, change):
    onnx = pytest.importorskip("onnx")
    proto = onnx.load_from_string(model)
    change(proto.graph, onnx)
    return proto.SerializeToString()


def test_maps_whose_mean_is_not_the_logit(tiny_model, tiny_card):
    def square(graph, onnx):
        graph.node[-1].input[0] = "flat2"
        graph.node.insert(
            len(graph.node) - 1, onnx.helper.make_node("Mul", ["flat", "flat"], ["flat2"])
        )

    model = edited(tiny_model, square)
    (fault,) = graph_faults(model, tiny_card)
    assert "'cams': the mean of a map plus a bias should be the logit" in fault
    graph = tiny_card.graph.model_dump() | {"heatmaps": "gradients times activations"}
    assert graph_faults(model, changed(tiny_card, graph=graph)) == []


def test_numbers_that_are_not_finite(tiny_model, tiny_card):
    def spoil(graph, onnx):
        (bias,) = [w for w in graph.initializer if w.name == "bias"]
        value = np.array([np.nan, 0, 0], np.float32)
        bias.CopyFrom(onnx.numpy_helper.from_array(value, "bias"))

    assert graph_faults(edited(tiny_model, spoil), tiny_card) == [
        "output 'logits' holds numbers that are not finite"
    ]
