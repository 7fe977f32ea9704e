"""Builds the one-folder application with PyInstaller: `python build_spec.py` → dist/support-console/."""

import argparse
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from scripts import third_party

ROOT = Path(__file__).resolve().parent
NAME = "support-console"

# Files that are opened, not imported. Alembic reads the migrations as source.
DATA = {
    "resources": "resources",
    "console/store/migrations": "console/store/migrations",
}

# Files of packages that are opened, not imported: the phrases of Japanese (budoux has models of other languages too).
PACKAGE_DATA = {"budoux": "models/ja.json"}

# Imported by a name that only exists at run time: our commands and pages, the database drivers that
# SQLAlchemy looks up by URL, what the migrations import, the keyring's backends.
COLLECTED = ("console", "alembic.ddl", "keyring.backends")
HIDDEN = ("pymysql", "sqlalchemy.dialects.sqlite.pysqlite", "sqlalchemy.dialects.mysql.pymysql")

# Parts of Qt that the window doesn't use, and tools that a library mentions but never needs here.
UNUSED = (
    *(f"PySide6.Qt{part}" for part in ("Qml", "Quick", "QuickWidgets", "QuickControls2", "Sql", "Test")),
    *(f"PySide6.Qt{part}" for part in ("Help", "Designer", "UiTools", "OpenGL", "OpenGLWidgets", "Xml")),
    *("tkinter", "pytest", "hypothesis", "mypy", "setuptools", "pip", "numpy", "PIL", "IPython", "pygments"),
)

# Python has a module for it, and PyInstaller takes what is there; its licence (GPL) would become the application's.
FORBIDDEN = ("readline",)
# What each extra brings; only in an application that was asked to have it.
EXTRAS = {
    "gs": ("gcsfs", "fsspec", "google", "grpc", "aiohttp", "googleapiclient"),
    "kafka": ("confluent_kafka",),
}


def options(dist: Path, work: Path, extras: Sequence[str] = ()) -> list[str]:
    """PyInstaller's command line."""
    chosen = [
        *("--noconfirm", "--onedir", "--console", "--log-level=ERROR", f"--name={NAME}"),
        *(f"--distpath={dist}", f"--workpath={work}", f"--specpath={work}", f"--paths={ROOT}"),
        # A frozen interpreter doesn't turn to UTF-8 in the C locale by itself; JSON and Japanese need it.
        "--python-option=X utf8=1",
    ]
    chosen += [f"--add-data={ROOT / source}:{target}" for source, target in DATA.items()]
    chosen += [
        f"--add-data={Path(folder) / file}:{Path(name, file).parent}"
        for name, file in PACKAGE_DATA.items()
        if (spec := find_spec(name)) is not None
        for folder in spec.submodule_search_locations or ()
    ]
    chosen += [f"--collect-submodules={name}" for name in COLLECTED]
    chosen += [f"--hidden-import={name}" for name in HIDDEN]
    chosen.append("--copy-metadata=PySide6_Essentials")  # `--version` reads it
    left_out = [name for extra, names in EXTRAS.items() if extra not in extras for name in names]
    chosen += [f"--exclude-module={name}" for name in (*UNUSED, *FORBIDDEN, *left_out)]
    chosen += [f"--hidden-import={name}" for extra in extras for name in EXTRAS[extra] if find_spec(name)]
    return [*chosen, str(ROOT / "console" / "__main__.py")]


def build(dist: Path = ROOT / "dist", work: Path = ROOT / "build", extras: Sequence[str] = ()) -> Path:
    """Build the application with the licences of all that is in it, and return its program."""
    from PyInstaller.__main__ import run

    work.mkdir(parents=True, exist_ok=True)
    run(options(dist, work, extras))
    third_party.write(dist / NAME / "THIRD_PARTY", extras)
    return dist / NAME / (f"{NAME}.exe" if sys.platform == "win32" else NAME)


def main(argv: Sequence[str] | None = None) -> int:
    """`build_spec.py [FOLDER] [--with gs] [--with kafka]`: the folder holds dist/ and build/; default: this one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT)
    parser.add_argument("--with", dest="extras", action="append", choices=sorted(EXTRAS), default=[])
    args = parser.parse_args(argv)
    target = args.folder.resolve()
    print("Building the one-folder application; this takes about a minute.", flush=True)
    print(f"Built {build(target / 'dist', target / 'build', args.extras)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
