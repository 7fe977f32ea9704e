"""Chooses the files of the built application. PyInstaller collects all files that the program could load; this module
keeps those that it loads.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from scripts.bundle import sizes

FileEntry = tuple[str, str, str]
"""A file as PyInstaller lists it: its path in the folder, its source (for a link: the target of the link), and its
kind.
"""

MAX_MEGABYTES = 190
TARGET_MEGABYTES = 186
"""Size above which the tests of the build fail, before a larger release of a library ends the build itself."""

QT_PLUGINS: Mapping[str, tuple[str, ...]] = {
    "platforms": ("qcocoa", "qoffscreen", "qvnc", "qwayland", "qwindows", "qxcb"),
    "platforminputcontexts": ("composeplatforminputcontextplugin", "ibusplatforminputcontextplugin"),
    "platformthemes": ("qxdgdesktopportal",),
    "printsupport": ("cupsprintersupport", "windowsprintersupport"),
    "styles": ("qmacstyle", "qmodernwindowsstyle"),
    "wayland-decoration-client": ("adwaita", "bradient"),
    "wayland-shell-integration": ("xdg-shell",),
}
"""Names of the Qt plugins that the application keeps, by folder. The window is drawn without OpenGL, reads only PNG
images (QtGui contains the code for PNG), and opens no network connections through Qt. So the plugins for OpenGL,
other image formats, TLS, GTK and devices without a desktop are left out.
"""
QT_LANGUAGES = ("ja", "en")

FORBIDDEN_PATH_PATTERN = re.compile(
    r"readline|gdbm|libdb-|_dbm\."  # GPL or AGPL libraries of modules that nobody imports
    r"|grpc|google|aiohttp|gcsfs|fsspec|confluent|librdkafka"  # extras
    r"|pytest|hypothesis|mypy|setuptools|pip/|cosmic_ray|openpyxl|PyInstaller|pyinstaller"  # tools of development
    r"|Qt6?(Qml|Quick|WebEngine|3D|Designer|Help|Sql|Test|Pdf|Multimedia)|virtualkeyboard|egl|gtk|libcups\.",
    re.IGNORECASE,
)
"""Pattern that no path in the application's folder may match. With the option `--with`, the files of the extras may
match it.
"""
EXTRAS_PATH_PATTERN = re.compile(r"grpc|google|aiohttp|gcsfs|fsspec|confluent|librdkafka", re.IGNORECASE)


def is_needed_file(path: str) -> bool:
    """True if the application keeps the file at `path`. False for the library of the system's print service, and for
    a plugin or a translation of Qt that the window doesn't use.
    """
    place = PurePosixPath(path.replace("\\", "/"))
    if place.name.startswith("libcups."):
        return False  # the print service and its library belong to the system
    if "PySide6" not in place.parts:
        return True
    if "translations" in place.parts:
        return place.stem in {f"qtbase_{language}" for language in QT_LANGUAGES}
    if "plugins" in place.parts:
        folder, name = place.parts[-2], place.name.partition(".")[0].removeprefix("lib")
        return name in QT_PLUGINS.get(folder, ())
    return True


def is_library(entry: FileEntry) -> bool:
    """True for a shared library that only other files of the folder load. The application leaves such a library out
    if none of its files needs it. False for an extension module, and for Python's own library, which the program
    itself loads.
    """
    path, _, kind = entry
    place = PurePosixPath(path.replace("\\", "/"))
    if kind == "EXTENSION" or re.match(r"(lib)?python3", place.name, re.IGNORECASE):
        return False
    is_shared = bool(re.search(r"\.so(\.\d|$)|\.dll$|\.dylib$", place.name))
    return is_shared and (len(place.parts) == 1 or (place.parts[-2:-1] == ("lib",) and "PySide6" in place.parts))


def choose_entries(
    entries: Sequence[FileEntry], list_needed_libraries: Callable[[str], Iterable[str]]
) -> list[FileEntry]:
    """Return the PyInstaller entries (files) that belong in the application. A shared library belongs in it only if
    another file of the application loads it. `list_needed_libraries` returns the names of the libraries that a file
    loads.
    """
    candidates = [entry for entry in entries if is_needed_file(entry[0])]
    libraries = {PurePosixPath(entry[0]).name: entry for entry in candidates if is_library(entry)}
    waiting = [entry[1] for entry in candidates if entry[2] in ("BINARY", "EXTENSION") and not is_library(entry)]
    needed = set[str]()
    while waiting:
        for loaded in list_needed_libraries(waiting.pop()):
            name = PurePosixPath(loaded).name
            if name in libraries and name not in needed:
                needed.add(name)
                _, source, kind = libraries[name]
                waiting += [source] if kind != "SYMLINK" else []
    return [entry for entry in candidates if not is_library(entry) or PurePosixPath(entry[0]).name in needed]


def choose_data(entries: Sequence[FileEntry], chosen_binaries: Sequence[FileEntry]) -> list[FileEntry]:
    """Return the data entries that belong in the application: those that the window uses, and those links to
    libraries whose library is one of `chosen_binaries`.
    """
    names = {PurePosixPath(entry[0]).name for entry in chosen_binaries}
    return [
        entry
        for entry in entries
        if is_needed_file(entry[0])
        and (entry[2] != "SYMLINK" or not is_library(entry) or Path(entry[0]).name in names)
    ]


def list_forbidden_paths(folder: Path, extras: Sequence[str] = ()) -> list[str]:
    """Return the paths in a built application that match FORBIDDEN_PATH_PATTERN. Paths of licence texts aren't
    checked. If the application has extras, paths that match EXTRAS_PATH_PATTERN are allowed.
    """
    paths = (one.relative_to(folder).as_posix() for one in folder.rglob("*"))
    forbidden_paths = [
        path for path in paths if not path.startswith("THIRD_PARTY") and FORBIDDEN_PATH_PATTERN.search(path)
    ]
    return [path for path in forbidden_paths if not (extras and EXTRAS_PATH_PATTERN.search(path))]


def measure_megabytes(folder: Path) -> float:
    """Return the total size of the folder's files in megabytes (10^6 bytes). Links aren't counted."""
    return sum(one.lstat().st_size for one in folder.rglob("*") if one.is_file() and not one.is_symlink()) / 1e6


def check_folder(folder: Path, extras: Sequence[str] = ()) -> None:
    """Raise SystemExit with a message if the folder has a forbidden file, or is larger than MAX_MEGABYTES (not
    checked with extras).
    """
    if forbidden_paths := list_forbidden_paths(folder, extras):
        raise SystemExit(f"The application contains forbidden files: {', '.join(forbidden_paths[:10])}")
    if not extras and (size := measure_megabytes(folder)) > MAX_MEGABYTES:
        grown_parts = "; ".join(sizes.describe_growth(sizes.measure_parts(folder), sizes.read_sizes())[:10])
        raise SystemExit(
            f"The application has {size:.3f} MB; at most {MAX_MEGABYTES} MB are allowed. Grown parts: {grown_parts}"
        )
