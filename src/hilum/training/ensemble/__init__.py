"""Several networks that runs have trained, as one bundle with honest numbers."""

from hilum.training.ensemble.make import HOW, Ensemble, How, Told, make_ensemble

__all__ = ["HOW", "Ensemble", "How", "Told", "make_ensemble"]
