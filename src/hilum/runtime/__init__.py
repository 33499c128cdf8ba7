"""Runs a bundle's graph."""

from hilum.runtime.graph import RUNTIMES, Graph, Outputs

__all__ = ["RUNTIMES", "Graph", "Outputs"]
