"""Tests of the installers, with a small invented application. The Linux package can be installed, upgraded and
removed without a trace; the input files of the installers for Windows and macOS have the names, versions and links
that these systems need.
"""

import ast
import configparser
import os
import plistlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import build_spec
import console
from scripts.bundle import appimage, debian, installer, linux_tree, manifest

ROOT = Path(__file__).resolve().parents[2]
WINDOWS_FOLDER = ROOT / "installers" / "windows"

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is missing: not Debian")


@pytest.fixture
def application_folder(tmp_path: Path) -> Path:
    """Return a folder with the layout of a finished build: a program of one line, a library, a file of licences
    and a manifest.
    """
    folder = tmp_path / "application"
    internal = folder / "_internal"
    internal.mkdir(parents=True)
    program = folder / linux_tree.PACKAGE_NAME
    program.write_text('#!/bin/sh\necho "$(dirname "$(readlink -f "$0")")"\n')
    program.chmod(0o700)
    shutil.copy(os.path.realpath(sys.executable), internal / "binary")
    (internal / "former").write_text("")
    (folder / "NOTICE.txt").write_text("Qt: LGPL-3.0\n")
    manifest.write_manifest(folder)
    return folder


def run_dpkg(root: Path, *words: str) -> None:
    """Run dpkg with the folder `root` as its system; missing libraries that the package depends on are ignored."""
    options = [f"--root={root}", "--force-depends", "--force-not-root", "--log=/dev/null"]
    done = subprocess.run(["dpkg", *options, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_dpkg
def test_a_package_has_its_fields_owners_and_modes(application_folder: Path, tmp_path: Path) -> None:
    """A Linux package has the right fields, file owners and modes, whatever the umask of the user who builds it. It
    contains hashes, a menu entry, icons and the licence.
    """
    package = debian.make_package(application_folder, tmp_path)
    assert package.name == f"support-console_{console.__version__}_{debian.find_architecture()}.deb"
    shown = subprocess.run(["dpkg-deb", "--field", str(package)], capture_output=True, text=True, check=True).stdout
    fields = dict(re.findall(r"^([\w-]+): (.*)$", shown, flags=re.MULTILINE))
    assert (fields["Package"], fields["Version"]) == ("support-console", console.__version__)
    assert re.match(r"libc6 \(>= 2\.\d+\)", fields["Depends"])
    assert int(fields["Installed-Size"]) > (application_folder / "_internal" / "binary").stat().st_size // 1024
    listing = subprocess.run(
        ["dpkg-deb", "--contents", str(package)], capture_output=True, text=True, check=True
    ).stdout
    assert {line.split()[1] for line in listing.splitlines()} == {"root/root"}
    modes = {line.split()[5]: line.split()[0] for line in listing.splitlines()}
    assert {mode for name, mode in modes.items() if not name.endswith("bin/support-console")} <= {
        *("-rw-r--r--", "-rwxr-xr-x", "drwxr-xr-x"),
    }
    assert modes["./usr/lib/support-console/support-console"] == "-rwxr-xr-x"
    share = "./usr/share/"
    assert {
        f"{share}applications/support-console.desktop",
        f"{share}applications/support-console-link.desktop",
        f"{share}icons/hicolor/scalable/apps/support-console.svg",
        f"{share}icons/hicolor/48x48/apps/support-console.png",
        f"{share}metainfo/support-console.metainfo.xml",
        f"{share}doc/support-console/copyright",
        f"{share}doc/support-console/changelog.gz",
    } <= set(modes)


@needs_dpkg
def test_a_package_is_installed_upgraded_and_removed(application_folder: Path, tmp_path: Path) -> None:
    """The installed command starts through its link. An upgrade removes the files that the newer version doesn't
    have, and the removal of the package leaves no file.
    """
    root = tmp_path / "system"
    for name in ("info", "updates", "triggers"):
        (root / "var/lib/dpkg" / name).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    before = {path for path in root.rglob("*") if "var" not in path.parts}
    run_dpkg(root, "--install", str(debian.make_package(application_folder, tmp_path, "1.0")))
    program = root / "usr/bin/support-console"
    started = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout.strip()
    assert started == str(root / "usr/lib/support-console")
    run_dpkg(root, "--verify", "support-console")
    (application_folder / "_internal" / "former").unlink()
    run_dpkg(root, "--install", str(debian.make_package(application_folder, tmp_path, "1.1")))
    assert not (root / "usr/lib/support-console/_internal/former").exists()
    assert "Version: 1.1" in (root / "var/lib/dpkg/status").read_text()
    run_dpkg(root, "--purge", "support-console")
    assert {path for path in root.rglob("*") if "var" not in path.relative_to(root).parts} == before


def test_menu_and_links_have_entries_of_their_own() -> None:
    """The desktop entry of the menu starts the window. A second, hidden desktop entry handles `support-console:`
    links with the command `open` and the link as its argument.
    """
    entries = {}
    for file in (linux_tree.DESKTOP_ENTRY_FILE, linux_tree.LINK_ENTRY_FILE):
        entry = configparser.RawConfigParser()
        entry.optionxform = str  # type: ignore[assignment,method-assign]  # names are case-sensitive there
        entry.read(file, encoding="utf-8")
        entries[file.stem] = entry["Desktop Entry"]
    menu, link = entries["support-console"], entries["support-console-link"]
    assert (menu["Exec"], menu.get("MimeType")) == ("support-console", None)
    assert (link["Exec"], link["NoDisplay"]) == ("support-console open %u", "true")
    assert link["MimeType"] == "x-scheme-handler/support-console;"
    for entry_of in (menu, link):
        assert {entry_of["Icon"], entry_of["TryExec"]} == {"support-console"}
        assert all(entry_of[key] for key in ("Name", "Name[ja]", "Comment", "Comment[ja]"))


def test_an_appimage_is_runtime_and_image(
    application_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without an AppImage runtime, the script makes only the AppImage's folder, and its output says how to name the
    missing runtime; the folder's `AppRun` starts the program. With a runtime, the AppImage consists of the runtime
    and the file system image.
    """
    monkeypatch.delenv("APPIMAGE_RUNTIME", raising=False)
    words = [str(application_folder), str(tmp_path)]
    assert appimage.main(words) == 1
    assert "APPIMAGE_RUNTIME=" in capsys.readouterr().out
    folder = tmp_path / "AppDir"
    started = subprocess.run([str(folder / "AppRun")], capture_output=True, text=True, check=True).stdout.strip()
    assert started == str(folder / "usr/lib/support-console")
    assert {"support-console.desktop", "support-console.png", ".DirIcon"} <= {one.name for one in folder.iterdir()}
    if shutil.which("mksquashfs") is None:
        pytest.skip("mksquashfs is missing (package squashfs-tools)")
    runtime = tmp_path / "runtime"
    runtime.write_bytes(b"\x7fELF a runtime")
    monkeypatch.setenv("APPIMAGE_RUNTIME", str(runtime))
    assert appimage.main(words) == 0
    assert "is not release" in capsys.readouterr().err
    whole = tmp_path / f"support-console-{console.__version__}-x86_64.AppImage"
    assert whole.read_bytes().startswith(runtime.read_bytes() + b"hsqs")
    assert whole.stat().st_mode & 0o111 == 0o111


def test_an_unfinished_appimage_has_no_name(application_folder: Path, tmp_path: Path) -> None:
    """If a file can't be read before the AppImage is complete, no file has its name, and no part of it is left."""
    if shutil.which("mksquashfs") is None:
        pytest.skip("mksquashfs is missing (package squashfs-tools)")
    folder = appimage.make_appdir(application_folder, tmp_path / "target" / "AppDir")
    with pytest.raises(FileNotFoundError):
        appimage.make_appimage(folder, tmp_path / "missing", tmp_path / "target")
    assert [one.name for one in (tmp_path / "target").iterdir()] == ["AppDir"]


@pytest.mark.parametrize("script", ["appimage", "debian"])
def test_a_script_without_its_application_prints_one_line(tmp_path: Path, script: str) -> None:
    """If a packaging script can't read the application, it ends with status 1 and one line, without a traceback."""
    missing = tmp_path / "none"
    words = [sys.executable, "-m", f"scripts.bundle.{script}", str(missing), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=appimage.ROOT, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Nothing was built: ")
    assert (str(missing) in done.stderr, done.stderr.count("\n")) == (True, 1)


def test_windows_has_two_programs_with_a_version() -> None:
    """The version resource for Windows is a Python expression with the program's version. The setup script contains
    the window's program and the program's version, and registers `support-console:` links.
    """
    tree = ast.parse(build_spec.make_version_resource(), mode="eval")
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {console.__version__, "ProductVersion", "FileVersion"} <= texts
    assert "@" not in build_spec.make_version_resource().partition("\n")[2]
    script = (WINDOWS_FOLDER / "support-console.iss").read_text(encoding="utf-8")
    for part in (
        "AppVersion={#Version}",
        "support-console-window.exe",
        "Japanese.isl",
        "Default.isl",
        "URL Protocol",
    ):
        assert part in script
    assert '""{app}\\support-console-window.exe"" open ""%1""' in script
    assert f"{build_spec.WINDOW_PROGRAM_NAME}.exe" in script
    assert installer.make_installer_command("win32")[1] == f"/DVersion={console.__version__}"
    spec = (ROOT / "support-console.spec").read_text()
    assert "assemble_program" in {node.id for node in ast.walk(ast.parse(spec)) if isinstance(node, ast.Name)}


def test_macos_has_an_application_with_a_version() -> None:
    """The macOS application has its name in Japanese and English, its version and an identifier for its keychain
    entries. It is registered as the program that opens links.
    """
    information = build_spec.make_macos_information()
    assert information["CFBundleShortVersionString"] == information["CFBundleVersion"] == console.__version__
    assert information["CFBundleURLTypes"][0]["CFBundleURLSchemes"] == ["support-console"]
    assert set(information["CFBundleLocalizations"]) == {"ja", "en"}
    assert re.fullmatch(r"[a-z.-]+", information["CFBundleIdentifier"])
    assert information["LSBackgroundOnly"] is False  # otherwise PyInstaller makes it an application without windows
    assert plistlib.dumps(information)
    assert f"{information['CFBundleName']}.app" in installer.make_installer_command("darwin")[-2]


def test_the_macos_application_has_notice_and_licence_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application for macOS is made from the collected files and from the documents about its parts: notice, list
    of components and licence texts."""
    bundled = list[Any]()
    monkeypatch.setattr("PyInstaller.building.osx.BUNDLE", lambda *parts, **_: bundled.extend(parts))
    documents = build_spec.list_document_entries(tmp_path / "documents", (), {})
    build_spec.make_macos_application("collected", tmp_path, documents)
    assert bundled == ["collected", documents]
    names = {name for name, source, kind in documents if Path(source).is_file() and kind == "DATA"}
    assert {"NOTICE.txt", "sbom.cdx.json", "THIRD_PARTY/licenses/OFL-1.1-NotoSans.txt"} <= names
