"""Builds the one-folder application with PyInstaller: `python build_spec.py` → dist/support-console/."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from console import __version__
from scripts import third_party_documents
from scripts.bundle import contents, icons, manifest

ROOT = Path(__file__).resolve().parent
PROGRAM_NAME = "support-console"
PLATFORM: str = sys.platform  # a variable, because mypy takes all but this machine's own branch for dead code
WINDOW_PROGRAM_NAME = "support-console-window"
"""Name of the second program on Windows. It starts the window without opening a console window."""

# Files that are opened, not imported. Alembic reads the migrations as source.
DATA_FOLDERS = {
    "resources": "resources",
    "console/store/migrations": "console/store/migrations",
}

# Files of packages that are opened, not imported: the phrases of Japanese (budoux has models of other languages too),
# and a table that budoux reads when it is imported.
PACKAGE_DATA = {"budoux": ("models/ja.json", "skip_nodes.json")}

# Imported by a name that only exists at run time: our commands and pages, the database drivers that
# SQLAlchemy looks up by URL, what the migrations import, the keyring's backends.
COLLECTED_PACKAGES = ("console", "alembic.ddl", "keyring.backends")
HIDDEN_MODULES = ("pymysql", "sqlalchemy.dialects.sqlite.pysqlite", "sqlalchemy.dialects.mysql.pymysql")

# Parts of Qt that the window doesn't use, and tools that a library mentions but never needs here.
UNUSED_MODULES = (
    *(f"PySide6.Qt{part}" for part in ("Qml", "Quick", "QuickWidgets", "QuickControls2", "Sql", "Test")),
    *(f"PySide6.Qt{part}" for part in ("Help", "Designer", "UiTools", "OpenGL", "OpenGLWidgets", "Xml")),
    *("tkinter", "pytest", "hypothesis", "mypy", "setuptools", "pip", "numpy", "PIL", "IPython", "pygments"),
)

# Python has modules for them, and PyInstaller takes what is there; their licences (GPL, AGPL) would become the
# application's.
FORBIDDEN_MODULES = ("readline", "_gdbm", "_dbm", "dbm.gnu", "dbm.ndbm")
# The packages of each extra; only an application that was built with the extra has them.
PACKAGES_BY_EXTRA = {
    "gs": ("gcsfs", "fsspec", "google", "grpc", "aiohttp", "googleapiclient"),
    "kafka": ("confluent_kafka",),
}
BINARIES_FILE_NAME = "binaries.json"
"""Name of the JSON file in PyInstaller's work folder that maps the path of each binary in the application to the path
of its source.
"""


def parse_extras(words: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments `[FOLDER] [--with gs] [--with kafka]`. FOLDER is the folder in which dist/ and build/ are
    created; default: the folder of the repository.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT)
    parser.add_argument("--with", dest="extras", action="append", choices=sorted(PACKAGES_BY_EXTRA), default=[])
    return parser.parse_args(words)


def list_hidden_imports(extras: Sequence[str]) -> list[str]:
    """Return the names of the modules that the program imports without a statement that PyInstaller can find."""
    from PyInstaller.utils.hooks import collect_submodules

    named = [name for extra in extras for name in PACKAGES_BY_EXTRA[extra] if find_spec(name)]
    return [
        *HIDDEN_MODULES,
        *named,
        *(module for package in COLLECTED_PACKAGES for module in collect_submodules(package)),
    ]


def list_data_files() -> list[tuple[str, str]]:
    """Return (source path, folder in the application) of each data file. PySide6's metadata is included because the
    program reads Qt's version from it.
    """
    from PyInstaller.utils.hooks import copy_metadata

    opened = [(str(ROOT / source), target) for source, target in DATA_FOLDERS.items()]
    for name, files in PACKAGE_DATA.items():
        spec = find_spec(name)
        folders = spec.submodule_search_locations if spec is not None else None
        opened += [
            (str(Path(folder) / file), str(Path(name, file).parent)) for folder in folders or () for file in files
        ]
    return [*opened, *copy_metadata("PySide6_Essentials")]


def assemble_program(words: Sequence[str]) -> None:
    """Let PyInstaller collect the files of the application. `support-console.spec` calls this function inside
    PyInstaller; `words` are the arguments that `parse_extras` reads.
    """
    from PyInstaller.building.api import COLLECT, EXE, PYZ
    from PyInstaller.building.build_main import Analysis
    from PyInstaller.config import CONF

    extras = parse_extras(words).extras
    left_out = [name for extra, names in PACKAGES_BY_EXTRA.items() if extra not in extras for name in names]
    analysis = Analysis(
        [str(ROOT / "console" / "__main__.py")],
        pathex=[str(ROOT)],
        datas=list_data_files(),
        hiddenimports=list_hidden_imports(extras),
        excludes=[*UNUSED_MODULES, *FORBIDDEN_MODULES, *left_out],
    )
    analysis.binaries = contents.choose_entries(analysis.binaries, _list_libraries)
    analysis.datas = contents.choose_data(analysis.datas, analysis.binaries)
    work = Path(CONF["workpath"])
    source_by_binary = {path: source for path, source, kind in analysis.binaries if kind != "SYMLINK"}
    (work / BINARIES_FILE_NAME).write_text(json.dumps(source_by_binary))
    archive = PYZ(analysis.pure)
    is_stripped = PLATFORM == "linux"
    programs = [
        EXE(
            archive,
            analysis.scripts,
            UTF8_OPTIONS,
            exclude_binaries=True,
            name=name,
            console=console,
            strip=is_stripped,
            **look,
        )
        for name, console in (
            [(PROGRAM_NAME, True), (WINDOW_PROGRAM_NAME, False)] if PLATFORM == "win32" else [(PROGRAM_NAME, True)]
        )
        for look in [_make_icon_and_version_arguments(work)]
    ]
    folder = COLLECT(*programs, analysis.binaries, analysis.datas, name=PROGRAM_NAME, strip=is_stripped)
    if PLATFORM == "darwin":
        make_macos_application(folder, work, list_document_entries(work / "documents", extras, source_by_binary))


# A frozen interpreter doesn't turn to UTF-8 in the C locale by itself; JSON and Japanese need it.
UTF8_OPTIONS = [("X utf8=1", None, "OPTION")]


def _list_libraries(file: str) -> list[str]:
    """Return the names of the libraries that a binary loads. On Linux they are read from the file itself, because
    PyInstaller also returns those of its libraries: the application would get what only the system's libcups loads.
    """
    if PLATFORM == "linux":
        words = ["objdump", "-p", file]
        printed = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
        return re.findall(r"^ +NEEDED +(\S+)", printed.stdout, re.MULTILINE)
    from PyInstaller.depend.bindepend import get_imports

    return [name for name, _ in get_imports(file)]


def _make_icon_and_version_arguments(work: Path) -> dict[str, Any]:
    """Return the keyword arguments `icon` and `version` (paths of files that are written into `work`) for
    PyInstaller's step EXE on Windows. Return {} on other systems, whose packages contain icon and version themselves.
    """
    if PLATFORM != "win32":
        return {}
    icon, version = work / f"{PROGRAM_NAME}.ico", work / "version.txt"
    icons.draw_icon(256, "ICO", icon)
    version.write_text(make_version_resource(), encoding="utf-8")
    return {"icon": str(icon), "version": str(version)}


def make_version_resource() -> str:
    """Return the text of the version resource for Windows, made from a template and `console.__version__`."""
    numbers = [int(number) for number in re.findall(r"\d+", __version__)[:3]]
    text = (ROOT / "installers" / "windows" / "version.txt").read_text(encoding="utf-8")
    return text.replace("@NUMBERS@", str((*numbers, 0))).replace("@VERSION@", __version__)


def make_macos_information() -> dict[str, Any]:
    """Return the content of the application's `Info.plist` for macOS, with `console.__version__`."""
    import plistlib

    information = plistlib.loads((ROOT / "installers" / "macos" / "Info.plist").read_bytes())
    return {**information, "CFBundleShortVersionString": __version__, "CFBundleVersion": __version__}


def list_document_entries(
    folder: Path, extras: Sequence[str], source_by_binary: Mapping[str, str]
) -> list[contents.FileEntry]:
    """Write the licences of the application's parts into the new folder `folder`, and return them as entries that
    PyInstaller adds to an application. An existing folder is replaced."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    third_party_documents.write_documents(folder, extras, source_by_binary)
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [(file.relative_to(folder).as_posix(), str(file), "DATA") for file in files]


def make_macos_application(folder: Any, work: Path, documents: Sequence[contents.FileEntry]) -> None:
    """Make `Support console.app` from `folder`, the result of PyInstaller's step COLLECT, and from the `documents`
    about its parts. These are added now, because a file that is added later breaks the signature of the application.
    """
    from PyInstaller.building.osx import BUNDLE

    icon = work / f"{PROGRAM_NAME}.icns"
    icons.draw_icon(512, "ICNS", icon)
    information = make_macos_information()
    name, identifier = f"{information['CFBundleName']}.app", information["CFBundleIdentifier"]
    BUNDLE(
        folder,
        list(documents),
        name=name,
        icon=str(icon),
        bundle_identifier=identifier,
        version=__version__,
        info_plist=information,
    )


def build_program(dist: Path = ROOT / "dist", work: Path = ROOT / "build", extras: Sequence[str] = ()) -> Path:
    """Build the application, with the licences of its parts and a list of its files. Return the path of the program
    in it.
    """
    from PyInstaller.__main__ import run

    folder = dist / PROGRAM_NAME
    options = ["--noconfirm", "--log-level=ERROR", f"--distpath={dist}", f"--workpath={work}"]
    work.mkdir(parents=True, exist_ok=True)
    run([*options, str(ROOT / "support-console.spec"), "--", *(word for one in extras for word in ("--with", one))])
    sources = json.loads(next(work.rglob(BINARIES_FILE_NAME)).read_text())
    third_party_documents.write_documents(folder, extras, sources)
    contents.check_folder(folder, extras)
    manifest.write_manifest(folder)
    return folder / (f"{PROGRAM_NAME}.exe" if PLATFORM == "win32" else PROGRAM_NAME)


def main(argv: Sequence[str] | None = None) -> int:
    """Build the application into the folder that the command line names, and return the exit status 0."""
    args = parse_extras(sys.argv[1:] if argv is None else argv)
    target = args.folder.resolve()
    print("Building the one-folder application; this takes about a minute.", flush=True)
    program = build_program(target / "dist", target / "build", args.extras)
    print(f"Built {program} ({contents.measure_megabytes(program.parent):.0f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
