"""Boxes of a reading: from a graph, from heatmaps, of several fused, and where they lie."""
