"""Predictions of anyone's model: read from files, matched to a label table."""

from hilum.datasets.predictions.load import Predictions, doubt, read_predictions
from hilum.datasets.predictions.match import Asked, check, match

__all__ = ["Asked", "Predictions", "check", "doubt", "match", "read_predictions"]
