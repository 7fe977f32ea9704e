"""Writes the files of an installation on Linux. A .deb and an AppImage have the same files below their roots."""

import shutil
from pathlib import Path

from scripts.bundle.icons import ICON_SIZES_PX, PNG_ICONS_FOLDER, SVG_ICON_FILE

ROOT = Path(__file__).resolve().parents[2]
PACKAGE_NAME = "support-console"
DESKTOP_ENTRY_FILE = ROOT / "resources" / "desktop" / f"{PACKAGE_NAME}.desktop"
LINK_ENTRY_FILE = DESKTOP_ENTRY_FILE.with_name(f"{PACKAGE_NAME}-link.desktop")
METAINFO_FILE = ROOT / "installers" / "linux" / f"{PACKAGE_NAME}.metainfo.xml"
PROGRAM_FOLDER = Path("usr", "lib", PACKAGE_NAME)


def write_installation_tree(root: Path, application: Path) -> None:
    """Copy the built application into `root`, with its command, its entry in the desktop's menu and its icons."""
    shutil.copytree(application, root / PROGRAM_FOLDER, symlinks=True)
    command = root / "usr" / "bin" / PACKAGE_NAME
    command.parent.mkdir(parents=True)
    command.symlink_to(Path("..", "lib", PACKAGE_NAME, PACKAGE_NAME))
    share = root / "usr" / "share"
    for entry in (DESKTOP_ENTRY_FILE, LINK_ENTRY_FILE):
        _copy_file(entry, share / "applications")
    _copy_file(METAINFO_FILE, share / "metainfo")
    icons = share / "icons" / "hicolor"
    _copy_file(SVG_ICON_FILE, icons / "scalable" / "apps")
    for size in ICON_SIZES_PX:
        _copy_file(PNG_ICONS_FOLDER / f"{size}.png", icons / f"{size}x{size}" / "apps", f"{PACKAGE_NAME}.png")
    _set_file_modes(root)


def _copy_file(file: Path, folder: Path, name: str | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder / (name or file.name))


def _set_file_modes(root: Path) -> None:
    """Set the modes of all files so that every user can read them and only the owner can write them, independent of
    the umask of the build.
    """
    for one in root.rglob("*"):
        if not one.is_symlink():
            is_program = one.is_dir() or bool(one.stat().st_mode & 0o100)
            one.chmod(0o755 if is_program else 0o644)
