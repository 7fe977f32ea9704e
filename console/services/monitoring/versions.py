"""Read the versions of the program, of its database schema, of Python and of Qt."""

import platform
from importlib import metadata
from typing import TypedDict

import console
from console.store.schema.core import SCHEMA_VERSION


class ComponentVersions(TypedDict):
    """The versions of the program, of the database schema that the program needs, of Python and of Qt (None if Qt's
    package is missing).
    """

    version: str
    schema: str
    python: str
    qt: str | None


SchemaVersions = TypedDict("SchemaVersions", {"from": str | None, "to": str, "completed": bool})
"""The versions of a database's schema before an upgrade (`from`; None: it had none) and after it (`to`). `completed`
is True if the schema already had the version `to`, but was incomplete, and the upgrade created the missing parts."""


def read_versions() -> ComponentVersions:
    """Return the versions of the program, the schema, Python and Qt. Qt is not imported: its version is read from
    the metadata of the installed package.
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
