"""The one artefact: an ONNX graph and a card in JSON."""
