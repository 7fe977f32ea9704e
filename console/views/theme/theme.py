"""The look in force: theme, text size and density of the whole process, as palette and sheet are."""

from collections.abc import Mapping
from functools import lru_cache

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication

from console.views.look.fonts import font, line_height
from console.views.look.sheet import style_sheet
from console.views.look.tokens import Density, Role, ThemeName, tokens

_PALETTE = {
    QPalette.ColorRole.Window: "base",
    QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.Base: "base",
    QPalette.ColorRole.AlternateBase: "raised",
    QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.Button: "base",
    QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.BrightText: "on_accent",
    QPalette.ColorRole.ToolTipBase: "raised",
    QPalette.ColorRole.ToolTipText: "text",
    QPalette.ColorRole.PlaceholderText: "muted",
    QPalette.ColorRole.Highlight: "accent",
    QPalette.ColorRole.HighlightedText: "on_accent",
    QPalette.ColorRole.Link: "accent",
    QPalette.ColorRole.LinkVisited: "accent",
    QPalette.ColorRole.Light: "raised",
    QPalette.ColorRole.Midlight: "raised",
    QPalette.ColorRole.Mid: "line",
    QPalette.ColorRole.Dark: "border",
    QPalette.ColorRole.Shadow: "border",
    QPalette.ColorRole.Accent: "accent",
}
_TEXT_ROLES = (
    QPalette.ColorRole.WindowText,
    QPalette.ColorRole.Text,
    QPalette.ColorRole.ButtonText,
)


class Look(QObject):
    """What every widget and delegate asks for colours, fonts and sizes.

    Signals:
        changed: after the palette, the sheet or a size changed. Widgets get a StyleChange anyway.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._chosen: ThemeName | None = None
        self._theme: ThemeName = "light"
        self.scale = 1.0
        self.density: Density = "comfortable"
        self._colours: dict[str, QColor] = {}
        self._fonts: dict[tuple[Role, bool, bool | None], QFont] = {}
        self._metrics: dict[tuple[Role, bool, bool | None], QFontMetricsF] = {}

    @property
    def theme(self) -> ThemeName:
        return self._theme

    @property
    def values(self) -> Mapping[str, str]:
        """The colours of the theme in force, by name."""
        return tokens().colours(self._theme)

    def colour(self, name: str) -> QColor:
        """A colour of the theme by its token; `text_tint` and `muted_tint` are the neutral tint."""
        found = self._colours.get(name)
        if found is None:
            found = self._colours[name] = parse_colour(self.values[_TINTS.get(name, name)])
        return found

    def skeleton(self) -> QColor:
        """The bars that stand where something is being read: visible in each theme, and no more than that."""
        return self.colour({"light": "sunken", "dark": "line", "high_contrast": "hover"}[self._theme])

    def font(self, role: Role, *, bold: bool = False, figures: bool | None = None) -> QFont:
        """The font of a role at the text size in force."""
        key = (role, bold, figures)
        if key not in self._fonts:
            self._fonts[key] = font(role, self.scale, bold=bold, figures=figures)
        return self._fonts[key]

    def metrics(self, role: Role, *, bold: bool = False, figures: bool | None = None) -> QFontMetricsF:
        key = (role, bold, figures)
        if key not in self._metrics:
            self._metrics[key] = QFontMetricsF(self.font(role, bold=bold, figures=figures))
        return self._metrics[key]

    def line(self, role: Role) -> int:
        """Height of one line of that role, in px, at the text size in force."""
        return line_height(role, self.scale)

    def icon_px(self, base: int = 16) -> int:
        """Side of an icon or shape that stands beside words, in px, at the text size in force."""
        return round(base * self.scale)

    def control(self, kind: str) -> int:
        """Height of a control (`button`, `input`, `badge` …): the token's, more where text is larger."""
        return self._at_least("control_heights", kind)

    def row(self, kind: str = "") -> int:
        """Height of a table row: `""`, `header` or `group`, in the density in force."""
        compact = self.density == "compact"
        name = self.density if not kind else f"{kind}_compact" if compact else kind
        return self._at_least("row_heights", name)

    def layout(self, name: str) -> int:
        """A height or width of the frame of the window (`top_bar`, `status_bar` …), grown with the text."""
        return self._at_least("layout", name)

    def _at_least(self, section: str, name: str) -> int:
        base = tokens().px(section, name)
        # The letters grow, the air around them stays.
        return base + max(0, line_height("body", self.scale) - line_height("body"))

    def choose(self, theme: ThemeName | None) -> None:
        """Take that theme from now on; None follows the system."""
        self._chosen = theme
        self._apply()

    def set_scale(self, scale: float) -> None:
        """Text size from 1.0 to 2.0."""
        self.scale = min(2.0, max(1.0, scale))
        self._fonts.clear()
        self._metrics.clear()
        self._apply()

    def set_density(self, density: Density) -> None:
        self.density = density
        self._apply()

    @Slot()
    def follow_system(self) -> None:
        """The system changed its colour scheme; matters only while no theme is chosen."""
        if self._chosen is None:
            self._apply()

    def _apply(self) -> None:
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        self._theme = self._chosen or system_theme(app)
        self._colours.clear()
        app.setPalette(self.palette())
        app.setFont(self.font("body"))
        app.setStyleSheet(style_sheet(self._theme, self.scale))
        self.changed.emit()

    def palette(self) -> QPalette:
        made = QPalette()
        for role, name in _PALETTE.items():
            made.setColor(role, self.colour(name))
        for role in _TEXT_ROLES:
            made.setColor(QPalette.ColorGroup.Disabled, role, self.colour("disabled_text"))
        return made


_TINTS = {"text_tint": "neutral_tint", "muted_tint": "neutral_tint", "accent_tint": "selected"}


@lru_cache(maxsize=256)
def parse_colour(text: str) -> QColor:
    """`#RRGGBB` or `rgba(r,g,b,a)` with a from 0 to 1."""
    if not text.startswith("rgba("):
        return QColor(text)
    red, green, blue, alpha = text[5:-1].split(",")
    return QColor(int(red), int(green), int(blue), round(float(alpha) * 255))


def system_theme(app: QApplication) -> ThemeName:
    """What the system asks for. A high contrast wish beats light and dark where Qt can tell."""
    hints = app.styleHints()
    if hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast:
        return "high_contrast"
    return "dark" if hints.colorScheme() == Qt.ColorScheme.Dark else "light"


_look: Look | None = None


def look() -> Look:
    """The look in force. One per process, because Qt's palette and style sheet are one per process too."""
    global _look
    if _look is None:
        _look = Look()
    return _look


def install(
    app: QApplication,
    *,
    theme: ThemeName | None = None,
    scale: float = 1.0,
    density: Density = "comfortable",
) -> Look:
    """Dress the application: Fusion below, palette, font and sheet above. Once, before the first window."""
    if app.style().name() != "fusion":  # making it anew would cost milliseconds of the start
        app.setStyle("Fusion")
    made = look()
    made.scale, made.density = min(2.0, max(1.0, scale)), density
    made.choose(theme)
    app.styleHints().colorSchemeChanged.connect(made.follow_system)
    app.styleHints().accessibility().contrastPreferenceChanged.connect(made.follow_system)
    return made
