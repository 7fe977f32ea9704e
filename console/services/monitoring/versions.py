"""The versions of the program, of its database schema, of Python and of Qt."""

import platform
from importlib import metadata

import console
from console.store.schema.core import SCHEMA_VERSION


def read_versions() -> dict[str, str | None]:
    """Return the versions of the program (`version`), of the database schema that it needs (`schema`), of Python and
    of Qt (`python`, `qt`). Qt is not imported: its version is read from the installed package, and is None if the
    package is missing.
    """
    try:
        qt = metadata.version("PySide6-Essentials")
    except metadata.PackageNotFoundError:
        qt = None
    return {
        "version": console.__version__,
        "schema": SCHEMA_VERSION,
        "python": platform.python_version(),
        "qt": qt,
    }
