"""Studies: many trainings that differ in one lever each, and the table that they fill.

A study is a folder here with ``study.toml`` and files of arms; see docs/studies/levers.md.
"""
