"""The first frame of the window: empty bars and areas, which Qt paints milliseconds after its start.

This module and its imports must not use any enumeration of Qt's namespace `Qt`: PySide creates all of them when
the first one is used, and this takes longer than everything else before the first frame. The module therefore
doesn't use QPainter.fillRect or layouts with alignments; plain frames and one style sheet do the painting.
"""

from string import Template

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from console.views.theme.design_tokens import ThemeName, tokens

_USUAL_WINDOW_SIZE = QSize(1440, 900)
"""Size of a new window in px. On a screen with less room, a new window is as large as the screen's free area, its
title bar included.
"""
_MIN_WINDOW_SIZE = QSize(960, 600)
"""Smallest size of a window in px."""
_STYLE_SHEET_TEMPLATE = Template("""
#first_frame { background: $base; border: ${edge}px solid $environment; }
#first_top { background: $raised; border-bottom: 1px solid $line; min-height: ${top}px; max-height: ${top}px; }
#first_side { background: $raised; border-right: 1px solid $line; min-width: ${side}px; max-width: ${side}px; }
#first_status { background: $raised; border-top: 1px solid $line; min-height: ${status}px; max-height: ${status}px; }
""")


class MainWindow(QMainWindow):
    """The main window of the program, one for each sign-in. It first shows empty bars and areas, and emits a
    signal when Qt has painted them.

    Signals:
    - painted: Qt has painted the first frame; the receiver now imports and builds the contents of the window.
    """

    painted = Signal()

    def __init__(self, environment: str, theme: ThemeName | None = None) -> None:
        """`environment` is "production", "test" or "training". If `theme` is None, the window uses the theme of
        the operating system."""
        super().__init__()
        self._has_painted = False
        self.setMinimumSize(_MIN_WINDOW_SIZE)  # before the contents are built: a later change would reach them
        self._first_size = _USUAL_WINDOW_SIZE.boundedTo(self.screen().availableSize())
        self.resize(self._first_size)
        self.setCentralWidget(_make_empty_bars_and_areas())
        self.setStyleSheet(_make_style_sheet(environment, theme or _detect_system_theme()))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._has_painted:
            self._has_painted = True
            if self.size() == self._first_size:
                self.resize(compute_size_without_frame(self.size(), self.frameSize(), self.screen().availableSize()))
            QTimer.singleShot(0, self.painted.emit)

    def setCentralWidget(self, widget: QWidget) -> None:
        """Replace the empty first frame with `widget`, and remove the style sheet of the first frame, so that the
        application's style sheet applies."""
        if self._has_painted:
            self.setStyleSheet("")
        super().setCentralWidget(widget)


def compute_size_without_frame(size: QSize, frame_size: QSize, available_size: QSize) -> QSize:
    """Return the size in px to set for a window, so that the window with its title bar and borders fits on the
    screen. `size` is the window's present size without title bar and borders, `frame_size` the present size with
    them, and `available_size` the free area of the screen. If the window fits already, its present size is returned.
    The window system reports `frame_size` only after it has shown the window."""
    return size - (frame_size - available_size).expandedTo(QSize(0, 0))


def _make_empty_bars_and_areas() -> QFrame:
    frame, top, side, status = (_make_named_frame(name) for name in ("frame", "top", "side", "status"))
    layout, middle = QVBoxLayout(frame), QHBoxLayout()
    for box in (layout, middle):
        box.setSpacing(0)
        box.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(top)
    layout.addLayout(middle)
    middle.addWidget(side)
    middle.addWidget(QWidget())
    layout.addWidget(status)
    return frame


def _make_named_frame(frame_name: str) -> QFrame:
    frame = QFrame()
    frame.setObjectName(f"first_{frame_name}")
    return frame


def _make_style_sheet(environment: str, theme: ThemeName) -> str:
    design = tokens()
    heights = {"top": "top_bar", "side": "side_bar", "status": "status_bar"}
    sizes = {name: str(design.px("layout", token) - 1) for name, token in heights.items()}
    sizes["edge"] = str(design.px("borders", "environment"))
    colours = design.get_colours(theme)
    return _STYLE_SHEET_TEMPLATE.substitute(colours, environment=colours[f"env_{environment}"], **sizes)


def _detect_system_theme() -> ThemeName:
    """Return the theme, light or dark, that fits the brightness of the operating system's palette. The function
    doesn't read Qt's own colour scheme, because its enumeration is in the namespace `Qt`, whose first use would delay
    the first frame.
    """
    return "dark" if QApplication.palette().window().color().lightness() < 128 else "light"
