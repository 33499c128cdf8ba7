"""The recipes that come with the package: one TOML file each.

Training recipes lie here; files of another kind in a folder named after it, such as ``columns``.
A new file is found without being listed anywhere.
"""

from __future__ import annotations

from pathlib import Path

from hilum.errors import RecipeError
from hilum.registry import unknown

SHIPPED = Path(__file__).parent


def training() -> tuple[str, ...]:
    """Names of the training recipes, as ``hilum train`` takes them."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def others() -> tuple[str, ...]:
    """Names of the files of other kinds, each with its folder, such as ``columns/radiographs``."""
    return tuple(
        sorted(
            path.relative_to(SHIPPED).with_suffix("").as_posix()
            for path in SHIPPED.rglob("*.toml")
            if path.parent != SHIPPED
        )
    )


def locate(name_or_path: str | Path) -> Path:
    """The file of a shipped recipe, or a path as it is.

    Args:
        name_or_path: a name from :func:`training` or :func:`others`, or else a file. To mean a
            file of the same name, write ``./chest14``.

    Raises:
        RecipeError: neither a known name nor a file; the message lists near matches.
    """
    known = (*training(), *others())
    if str(name_or_path) in known:
        return SHIPPED / f"{name_or_path}.toml"
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if path.suffix == ".toml" or path.exists():
        is_folder = f"{path} is a folder; a recipe is a file" if path.exists() else ""
        raise RecipeError(
            f"{is_folder or f'No recipe {path}'}. `hilum recipes list` shows those that come with "
            "the package."
        )
    raise RecipeError(
        f"{unknown('recipe', str(name_or_path), known)} A recipe is a name from `hilum recipes "
        "list`, or a TOML file."
    )


def about(path: Path) -> str:
    """What a recipe is, in its own words: the first line of comment; "" where it has none."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            return line.lstrip("# ").rstrip()
        if line.strip():
            break
    return ""
