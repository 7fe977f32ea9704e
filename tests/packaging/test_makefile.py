"""Tests of the Makefile's targets, by the commands that `make --dry-run` prints."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def list_commands(*words: str) -> str:
    """Return the commands that make would execute for these words, in their order."""
    command = ["make", "--dry-run", "--no-print-directory", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_only_root_starts_to_make_a_bare_system(tmp_path: Path) -> None:
    """`make bare` asks for the rights of root before it builds the application and downloads the bare system."""
    commands = list_commands("bare", f"BARE={tmp_path / 'debian'}", f"BUILT={tmp_path / 'built'}")
    assert 0 <= commands.find("id -u") < commands.find("build_spec.py") < commands.find("debootstrap ")
