"""Measures reading rounds on labelled radiographs: sweeps, learnt weights, a search."""
