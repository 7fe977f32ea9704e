"""Tests, on small folders, of the choice of the files that stay in the built application, and of the lists by which
altered files of the application and of an installed wheel are found.
"""

import base64
import hashlib
from importlib import import_module
from pathlib import Path

import pytest

import console
from console.services.monitoring.installation import (
    MANIFEST_NAME,
    InstallationComparison,
    check_installation,
    check_installed_files,
)
from scripts.bundle import contents, manifest, sizes

QT_FOLDER = "PySide6/Qt"
PRESENT_FILES = (
    "support-console",
    "_internal/PySide6/Qt/lib/libQt6Core.so.6",
    "_internal/console/store/migrations/env.py",
    "_internal/libpython3.11.so.1.0",
)


def create_files(files: tuple[str, ...], root: Path) -> Path:
    for name in files:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    return root


def test_only_unused_libraries_are_deleted() -> None:
    """Unused plugins are deleted, together with the libraries that only these plugins load and the links to such
    libraries. All other files stay.
    """
    loads = {
        "QtGui": ["libQt6Gui.so.6"],
        "libqxcb": ["libxcb.so.1", "libQt6Gui.so.6"],
        "libqgtk3": ["libgtk-3.so.0"],
        "gui": ["libicudata.so.73", "libc.so.6"],
        "gtk": ["libpango-1.0.so.0"],
    }
    binaries = [
        ("PySide6/QtGui.abi3.so", "QtGui", "EXTENSION"),
        (f"{QT_FOLDER}/plugins/platforms/libqxcb.so", "libqxcb", "BINARY"),
        (f"{QT_FOLDER}/plugins/platforms/libqeglfs.so", "libqeglfs", "BINARY"),
        (f"{QT_FOLDER}/plugins/platformthemes/libqgtk3.so", "libqgtk3", "BINARY"),
        (f"{QT_FOLDER}/lib/libQt6Gui.so.6", "gui", "BINARY"),
        (f"{QT_FOLDER}/lib/libicudata.so.73", "icu", "BINARY"),
        ("libgtk-3.so.0", "gtk", "BINARY"),
        ("libpango-1.0.so.0", "pango", "BINARY"),
        ("libxcb.so.1", "xcb", "BINARY"),
        ("libpython3.11.so.1.0", "python", "BINARY"),
        ("pypdfium2_raw/libpdfium.so", "pdfium", "BINARY"),
        ("_cffi_backend.cpython-311-x86_64-linux-gnu.so", "cffi", "EXTENSION"),
    ]
    chosen_entries = contents.choose_entries(binaries, lambda file: loads.get(file, []))
    assert {source for _, source, _ in chosen_entries} == {
        *("QtGui", "libqxcb", "gui", "icu", "xcb", "python", "pdfium", "cffi"),
    }
    data = [
        ("libQt6Gui.so.6", f"{QT_FOLDER}/lib/libQt6Gui.so.6", "SYMLINK"),
        ("libgtk-3.so.0", "elsewhere/libgtk-3.so.0", "SYMLINK"),
        (f"{QT_FOLDER}/translations/qtbase_ja.qm", "ja", "DATA"),
        (f"{QT_FOLDER}/translations/qtbase_de.qm", "de", "DATA"),
        ("resources/words/en.json", "words", "DATA"),
    ]
    assert [entry[0] for entry in contents.choose_data(data, chosen_entries)] == [
        *("libQt6Gui.so.6", f"{QT_FOLDER}/translations/qtbase_ja.qm", "resources/words/en.json"),
    ]


@pytest.mark.parametrize(
    ("name", "extras", "is_refused"),
    [
        ("_internal/python3.11/lib-dynload/readline.cpython-311-x86_64-linux-gnu.so", (), True),
        ("_internal/libreadline.so.8", (), True),
        ("_internal/libgdbm.so.6", (), True),
        ("_internal/grpc/_cython/cygrpc.so", (), True),
        ("_internal/grpc/_cython/cygrpc.so", ("gs",), False),
        ("_internal/libreadline.so.8", ("gs",), True),
        ("_internal/PySide6/Qt/lib/libQt6Qml.so.6", (), True),
        ("_internal/PySide6/Qt/plugins/platforms/libqeglfs.so", (), True),
        ("_internal/hypothesis/__init__.py", (), True),
        ("THIRD_PARTY/licenses/readline", (), False),
        ("_internal/PySide6/Qt/lib/libQt6Widgets.so.6", (), False),
    ],
)
def test_a_forbidden_part_ends_the_build(
    tmp_path: Path, name: str, extras: tuple[str, ...], is_refused: bool
) -> None:
    folder = create_files((*PRESENT_FILES, name), tmp_path)
    if not is_refused:
        contents.check_folder(folder, extras)
        return
    with pytest.raises(SystemExit, match="forbidden files"):
        contents.check_folder(folder, extras)


def test_a_folder_above_the_size_limit_ends_the_build(tmp_path: Path) -> None:
    """Checking a folder of more than 190 MB ends the build; with optional packages the limit is higher."""
    folder = create_files(PRESENT_FILES, tmp_path)
    with (folder / "_internal" / "large").open("wb") as file:
        file.truncate(contents.MAX_MEGABYTES * 1_000_000 - 1_000)
    contents.check_folder(folder)
    with (folder / "_internal" / "large").open("ab") as file:
        file.truncate(contents.MAX_MEGABYTES * 1_000_000)
    with pytest.raises(SystemExit, match=r"has 190\.000 MB; at most 190 MB .*: _internal/large: 0\.0 -> 190\.0 MB"):
        contents.check_folder(folder)
    contents.check_folder(folder, ("gs",))


def test_parts_that_grew_are_named(tmp_path: Path) -> None:
    """The sizes of an application are stored. Afterwards only a larger part and a new part are named, the largest
    growth first; a part that grew by less than 0.1 MB isn't named.
    """
    folder, table = create_files(PRESENT_FILES, tmp_path / "application"), tmp_path / "sizes.txt"
    large, small = folder / "_internal" / "large", folder / "_internal" / "fonts" / "small"
    small.parent.mkdir()
    for file, size in ((large, 2_000_000), (small, 500_000)):
        file.write_bytes(bytes(size))
    sizes.write_sizes(folder, table)
    assert sizes.describe_growth(sizes.measure_parts(folder), sizes.read_sizes(table)) == []
    large.write_bytes(bytes(2_050_000))
    small.write_bytes(bytes(700_000))
    (folder / "new").write_bytes(bytes(1_000_000))
    assert sizes.describe_growth(sizes.measure_parts(folder), sizes.read_sizes(table)) == [
        "new: 0.0 -> 1.0 MB",
        "_internal/fonts/*: 0.5 -> 0.7 MB",
    ]


def test_altered_and_missing_files_are_found(tmp_path: Path) -> None:
    """The check finds a changed byte, another length, a folder in place of a file, and a missing file. All other
    files count as unchanged.
    """
    folder = create_files((*PRESENT_FILES, "名前.txt"), tmp_path)
    manifest.write_manifest(folder)
    assert check_installed_files(folder) == InstallationComparison(5, (), ())
    assert manifest.write_manifest(folder).read_text() == manifest.write_manifest(folder).read_text()
    (folder / PRESENT_FILES[0]).write_text("support-consolf")
    (folder / PRESENT_FILES[1]).write_text("")
    (folder / PRESENT_FILES[2]).unlink()
    (folder / "名前.txt").unlink()
    (folder / "名前.txt").mkdir()
    (folder / "added later").write_text("a file that the build does not know harms nothing")
    assert check_installed_files(folder) == InstallationComparison(
        5, (PRESENT_FILES[1], PRESENT_FILES[0], "名前.txt"), (PRESENT_FILES[2],)
    )


@pytest.mark.parametrize("text", ["", "no hash  at all\n", "0" * 64 + "\n", "0" * 64 + " one space\n"])
def test_an_unusable_manifest_is_reported_as_altered(tmp_path: Path, text: str) -> None:
    assert check_installed_files(tmp_path) == InstallationComparison(0, (), (MANIFEST_NAME,))
    (tmp_path / MANIFEST_NAME).write_text(text)
    assert check_installed_files(tmp_path) == InstallationComparison(0, (MANIFEST_NAME,), ())
    (tmp_path / MANIFEST_NAME).write_bytes(b"\xff\xfe")
    assert check_installed_files(tmp_path) == InstallationComparison(0, (MANIFEST_NAME,), ())


def test_altered_and_missing_files_of_a_wheel_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check of an installed wheel finds altered and missing files, also those with a comma in their names. It
    doesn't compare files without a hash and compiled modules.
    """
    (tmp_path / "console").symlink_to(Path(console.__file__).parent)
    metadata_folder = tmp_path / "support_console-1.dist-info"
    metadata_folder.mkdir()
    (metadata_folder / "METADATA").write_text("Metadata-Version: 2.1\nName: support-console\nVersion: 1\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"whole").digest()).decode().rstrip("=")
    for name in ("whole.json", "altered.json"):
        (tmp_path / name).write_text(name.partition(".")[0])
    rows = ("whole.json", "altered.json", "missing.json", '"missing, too.json"', "missing.pyc")
    record = "".join(f"{row},sha256={digest},5\n" for row in rows) + "support_console-1.dist-info/RECORD,,\n"
    (metadata_folder / "RECORD").write_text(record)
    monkeypatch.syspath_prepend(tmp_path)
    import_module("keyring.backend")  # With Python 3.11 it loads importlib_metadata, as in the running program.
    assert check_installation() == InstallationComparison(4, ("altered.json",), ("missing.json", "missing, too.json"))
