"""Tests that a window's process returns freed memory to the operating system."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.views.app import freed_memory

_WINDOW_PROGRAM = """
from PySide6.QtWidgets import QApplication
from console.settings.settings import Settings
from console.views.app.main import WindowOpener
app = QApplication([])
opener = WindowOpener(Settings.load(dict(os.environ)), lambda: None)
opener.window.show()
while not hasattr(opener, "frame"):
    app.processEvents()
"""
_MEASUREMENT_PROGRAM = """
def count_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
block = b"x" * 25_000_000
del block
before = count_bytes()
blocks, kept = [], []
for _ in range(4):
    blocks.append(b"x" * 20_000_000)
    kept.append(b"y" * 100_000)  # of a page that was read meanwhile
blocks.clear()
print(count_bytes() - before, flush=True)
os._exit(0)
"""


def measure_unreturned_bytes(home: Path, beginning: str) -> int:
    """Start a new process that executes `beginning` and then allocates and frees 80 MB. Return the number of bytes by
    which its memory is larger after that than immediately before the allocation. `beginning` is Python source: "", or
    lines of which the first is empty.
    """
    command = [sys.executable, "-c", f"import os{beginning}{_MEASUREMENT_PROGRAM}"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    environ |= {"CONSOLE_HOME": str(home), "CONSOLE_OPERATOR": "op-a", "QT_QPA_PLATFORM": "offscreen"}
    root = Path(freed_memory.__file__).resolve().parents[3]
    return int(subprocess.run(command, cwd=root, env=environ, capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
def test_a_window_returns_freed_blocks_to_the_system(tmp_path: Path) -> None:
    """A window's process returns freed blocks of 20 MB to the operating system. A process without the setting of the
    window (see `enable_return_of_large_blocks`) keeps most of them.
    """
    assert measure_unreturned_bytes(tmp_path, _WINDOW_PROGRAM) < 5_000_000
    assert measure_unreturned_bytes(tmp_path, "") > 50_000_000


def test_memory_setting_is_skipped_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an operating system other than Linux, `enable_return_of_large_blocks` changes nothing and returns False."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not freed_memory.enable_return_of_large_blocks()
