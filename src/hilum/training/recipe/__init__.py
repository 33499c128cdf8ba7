"""A training recipe: everything that decides a run, read from TOML."""

from hilum.training.recipe.recipe import Recipe, load_recipe

__all__ = ["Recipe", "load_recipe"]
