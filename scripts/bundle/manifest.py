"""Writes the list of the application's files with their hashes. The commands `doctor` and `--version` find altered
files by it.
"""

from pathlib import Path

from console.services.monitoring.installation import MANIFEST_NAME, hash_file


def write_manifest(folder: Path) -> Path:
    """Write the list of the files in `folder` with their hashes into that folder, and return its path. An existing
    list is overwritten.
    """
    manifest = folder / MANIFEST_NAME
    manifest.unlink(missing_ok=True)
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    lines = [f"{hash_file(one)}  {one.relative_to(folder).as_posix()}\n" for one in files]
    manifest.write_text("".join(lines), encoding="utf-8", newline="\n")
    return manifest
