"""The location of the files that ship with the program, both in a clone and in a built application."""

from pathlib import Path


def resources_dir() -> Path:
    """Return the folder of icons, fonts, word catalogues and styles.

    The folder is next to the package `console`: at the root of a clone, and in the one-folder application because
    `build_spec.py` puts it there.
    """
    return Path(__file__).resolve().parent.parent / "resources"
