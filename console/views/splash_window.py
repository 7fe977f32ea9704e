"""The window as it is first painted: bars and grounds without contents, milliseconds after Qt itself is there.

Nothing in here, and nothing this module imports, may touch an enumeration of Qt's namespace `Qt`: PySide makes
all of them at the first use of one, which takes longer than everything else before the first frame. That rules
out QPainter.fillRect and layouts with alignments too, so plain frames and one style sheet do the painting.
"""

from string import Template

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QMainWindow, QVBoxLayout, QWidget

from console.views.look.tokens import ThemeName, tokens

_SHEET = Template("""
#first_frame { background: $base; border: ${edge}px solid $environment; }
#first_top { background: $raised; border-bottom: 1px solid $line; min-height: ${top}px; max-height: ${top}px; }
#first_side { background: $raised; border-right: 1px solid $line; min-width: ${side}px; max-width: ${side}px; }
#first_status { background: $raised; border-top: 1px solid $line; min-height: ${status}px; max-height: ${status}px; }
""")


class FirstWindow(QMainWindow):
    """A main window that shows its frame at once and tells when that is on the screen.

    Signals:
        painted: the first frame was painted; now is the time to import and build what belongs in it.
    """

    painted = Signal()

    def __init__(self, environment: str, theme: ThemeName | None = None) -> None:
        """`environment` is production, test or training; `theme` None follows the system."""
        super().__init__()
        self._painted = False
        self.resize(1440, 900)
        self.setCentralWidget(_frame())
        self.setStyleSheet(_sheet(environment, theme or _system_theme()))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self.painted.emit)

    def setCentralWidget(self, widget: QWidget) -> None:
        """The contents take the place of the first frame, and the application's own look that of its sheet."""
        if self._painted:
            self.setStyleSheet("")
        super().setCentralWidget(widget)


def _frame() -> QFrame:
    frame, top, side, status = (_named(name) for name in ("frame", "top", "side", "status"))
    whole, middle = QVBoxLayout(frame), QHBoxLayout()
    for box in (whole, middle):
        box.setSpacing(0)
        box.setContentsMargins(0, 0, 0, 0)
    whole.addWidget(top)
    whole.addLayout(middle)
    middle.addWidget(side)
    middle.addWidget(QWidget())
    whole.addWidget(status)
    return frame


def _named(name: str) -> QFrame:
    made = QFrame()
    made.setObjectName(f"first_{name}")
    return made


def _sheet(environment: str, theme: ThemeName) -> str:
    known = tokens()
    heights = {"top": "top_bar", "side": "side_bar", "status": "status_bar"}
    sizes = {name: str(known.px("layout", token) - 1) for name, token in heights.items()}
    sizes["edge"] = str(known.px("borders", "environment"))
    colours = known.colours(theme)
    return _SHEET.substitute(colours, environment=colours[f"env_{environment}"], **sizes)


def _system_theme() -> ThemeName:
    """By the palette that the system gave: the colour scheme itself is one of the dear enumerations."""
    return "dark" if QApplication.palette().window().color().lightness() < 128 else "light"
