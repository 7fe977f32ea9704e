"""Find the folder of the files that ship with the program: in a clone of the repository, in an installed wheel and in
a built application.
"""

from pathlib import Path

_PACKAGE_FOLDER = Path(__file__).resolve().parent


def resources_dir() -> Path:
    """Return the absolute path of the folder `resources`, which has the fonts, the texts of both languages, the style
    and the icons of the window, and the files with which an operating system starts and monitors a worker.

    A wheel has the folder inside the package `console`, where `setup.py` puts it. In a clone the folder is next to
    the package; in the built application the folder is also next to it, because `build_spec.py` puts it there.
    """
    folder_in_package = _PACKAGE_FOLDER / "resources"
    return folder_in_package if folder_in_package.is_dir() else _PACKAGE_FOLDER.parent / "resources"
