"""Builds the one-folder application with PyInstaller: `python build_spec.py` → dist/support-console/."""

import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NAME = "support-console"

# Files that are opened, not imported. Alembic reads the migrations as source.
DATA = {
    "resources": "resources",
    "console/store/migrations": "console/store/migrations",
}

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


def options(dist: Path, work: Path) -> list[str]:
    """PyInstaller's command line."""
    chosen = [
        *("--noconfirm", "--onedir", "--console", "--log-level=ERROR", f"--name={NAME}"),
        *(f"--distpath={dist}", f"--workpath={work}", f"--specpath={work}", f"--paths={ROOT}"),
        # A frozen interpreter doesn't turn to UTF-8 in the C locale by itself; JSON and Japanese need it.
        "--python-option=X utf8=1",
    ]
    chosen += [f"--add-data={ROOT / source}:{target}" for source, target in DATA.items()]
    chosen += [f"--collect-submodules={name}" for name in COLLECTED]
    chosen += [f"--hidden-import={name}" for name in HIDDEN]
    chosen += [f"--exclude-module={name}" for name in UNUSED]
    return [*chosen, str(ROOT / "console" / "__main__.py")]


def build(dist: Path = ROOT / "dist", work: Path = ROOT / "build") -> Path:
    """Build the application and return its program."""
    from PyInstaller.__main__ import run

    work.mkdir(parents=True, exist_ok=True)
    run(options(dist, work))
    return dist / NAME / (f"{NAME}.exe" if sys.platform == "win32" else NAME)


def main(argv: Sequence[str] | None = None) -> int:
    """`build_spec.py [FOLDER]`: the folder holds dist/ and build/; default: this one."""
    arguments = sys.argv[1:] if argv is None else argv
    target = Path(arguments[0]).resolve() if arguments else ROOT
    print("Building the one-folder application; this takes about a minute.", flush=True)
    print(f"Built {build(target / 'dist', target / 'build')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
