"""The worker's unit: systemd accepts it, and it may do little."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from console.resource_paths import resources_dir

UNIT = resources_dir() / "worker" / "support-console-worker.service"
LARGEST_EXPOSURE = 2.0
"""Of 10, by `systemd-analyze security`: 10 is a service without any protection."""

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists on this machine."""
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text("utf-8").replace("/usr/bin/support-console", sys.executable), "utf-8")
    return file


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    command, env = ["systemd-analyze", *words], {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=env)


def test_systemd_accepts_the_unit(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_the_service_may_do_little(unit: Path) -> None:
    done = analyze("security", "--offline=true", str(unit))
    found = re.search(r"exposure level.*?: (\d+\.\d)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= LARGEST_EXPOSURE, done.stdout
