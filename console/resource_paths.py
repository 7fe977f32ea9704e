"""The location of the files that ship with the program: in a clone, in an installed wheel, in a built application."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resources_dir() -> Path:
    """Return the folder of fonts, word catalogues and styles.

    A wheel has it inside the package `console`, where `setup.py` puts it. In a clone it is next to the package, at
    the root; in the one-folder application too, because `build_spec.py` puts it there.
    """
    inside = _PACKAGE / "resources"
    return inside if inside.is_dir() else _PACKAGE.parent / "resources"
