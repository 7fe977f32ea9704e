"""The list of the application's files with their hashes, by which `doctor` and `--version` find altered ones."""

from pathlib import Path

from console.services.monitoring.installation import MANIFEST_NAME, hash_file


def write(folder: Path) -> Path:
    """Write the hashes of all files in `folder` into it, over those of an earlier call; return the written file."""
    manifest = folder / MANIFEST_NAME
    manifest.unlink(missing_ok=True)
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    lines = [f"{hash_file(one)}  {one.relative_to(folder).as_posix()}\n" for one in files]
    manifest.write_text("".join(lines), encoding="utf-8", newline="\n")
    return manifest
