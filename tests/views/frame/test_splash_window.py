"""Tests that the window shows its first frame before the process has loaded the services, the database code and the
texts.
"""

import subprocess
import sys

import pytest
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from console.views.frame.splash_window import MainWindow, compute_size_without_frame
from console.views.theme.design_tokens import ThemeName, tokens
from tests.support.waiting import MAX_WAIT_SECONDS

_START_PROGRAM = """
import sys
from PySide6.QtWidgets import QApplication
app = QApplication([])
before = set(sys.modules)
from console.views.frame.splash_window import MainWindow, compute_size_without_frame
window = MainWindow("production")
window.painted.connect(app.quit)
window.show()
app.exec()
print("\\n".join(sorted(set(sys.modules) - before)))
"""
_ALLOWED_MODULES = {"console", "json", "_json", "typing", "functools", "string", "pathlib"}


def test_no_large_module_is_imported_before_the_first_frame() -> None:
    """Until the first frame is painted, the process has imported only Qt, the design tokens and the code that reads
    the tokens.
    """
    completed = subprocess.run(
        [sys.executable, "-c", _START_PROGRAM], capture_output=True, text=True, check=True, timeout=MAX_WAIT_SECONDS
    )
    loaded = completed.stdout.split()
    assert "console.views.theme.design_tokens" in loaded
    assert {name.partition(".")[0] for name in loaded} <= _ALLOWED_MODULES
    assert len([name for name in loaded if name.startswith("console")]) <= 7


def test_no_source_is_read_at_an_import() -> None:
    """An import of the window reads no source files, because PySide's feature search in each module's source is off.
    With this search, linecache would hold all source lines in memory.
    """
    program = (
        "import linecache, console, console.views.frame.main_window; "
        "print([name for name in linecache.cache if name.startswith(console.__path__[0])])"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=MAX_WAIT_SECONDS
    )
    assert completed.stdout.strip() == "[]"


@pytest.mark.parametrize("theme", ["light", "dark", "high_contrast"])
def test_the_first_frame_has_the_background_colours_of_the_window(qtbot: QtBot, theme: ThemeName) -> None:
    """The border, the top bar and the page area of the first frame have the colours of the theme."""
    window, values = MainWindow("test", theme), tokens().get_colours(theme)
    qtbot.addWidget(window)
    window.resize(1440, 900)
    with qtbot.waitSignal(window.painted):
        window.show()
    image = window.grab().toImage()
    grounds = {
        "env_test": (1, 450),
        "raised": (100, 20),
        "base": (800, 450),
    }
    for name, (x, y) in grounds.items():
        assert image.pixelColor(x, y).name().upper() == values[name], name


def test_the_window_opens_within_the_screen(qtbot: QtBot) -> None:
    """The first window isn't larger than the screen. Without a window manager, a person could not reach its lower
    edge.
    """
    window = MainWindow("production", "light")
    qtbot.addWidget(window)
    room = window.screen().availableSize()
    assert room.width() < 1440, "on the screen of the tests the usual size has no room"
    assert window.size() == QSize(1440, 900).boundedTo(room).expandedTo(window.minimumSize())
    assert window.minimumSize().width() <= 1024, "on the smallest screens a window of the least size has room"


def test_the_style_of_the_first_frame_is_removed_with_the_contents(qtbot: QtBot) -> None:
    """When the window gets its real contents, the style sheet of the first frame is removed."""
    window, contents = MainWindow("production", "light"), QWidget()
    qtbot.addWidget(window)
    with qtbot.waitSignal(window.painted):
        window.show()
    window.setCentralWidget(contents)
    assert window.centralWidget() is contents
    assert window.styleSheet() == ""


def test_a_first_window_fits_on_the_screen_with_its_title_bar() -> None:
    """On a small screen, the first window becomes smaller by its title bar and frame, whose size the system reports
    only after the window was shown. On a large screen it keeps its usual size.
    """
    frame, screen = QSize(2, 30), QSize(1280, 760)
    assert compute_size_without_frame(screen, screen + frame, screen) == QSize(1278, 730)
    usual = QSize(1440, 900)
    assert compute_size_without_frame(usual, usual + frame, QSize(1920, 1040)) == usual
    assert compute_size_without_frame(QSize(1366, 728), QSize(1366, 758), QSize(1366, 728)) == QSize(1366, 698)
