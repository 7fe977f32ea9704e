"""Where the files that ship with the program lie, in a clone and in a built application alike."""

from pathlib import Path


def resources_dir() -> Path:
    """The folder of icons, fonts, word catalogues and styles.

    It lies beside the package: at the root of a clone, and in the one-folder application because
    `build_spec.py` puts it there.
    """
    return Path(__file__).resolve().parent.parent / "resources"
