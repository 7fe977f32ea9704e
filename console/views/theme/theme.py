"""The current appearance of the process: theme, text scale and density, applied as palette and style sheet."""

from collections.abc import Mapping
from functools import lru_cache

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication

from console.views.theme.design_tokens import Density, TextRoleName, ThemeName, tokens
from console.views.theme.fonts import font, line_height
from console.views.theme.style_sheet import make_style_sheet

_PALETTE_COLOURS = {
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
    QPalette.ColorRole.PlaceholderText: "placeholder",
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
_PALETTE_TEXT_ROLES = (
    QPalette.ColorRole.WindowText,
    QPalette.ColorRole.Text,
    QPalette.ColorRole.ButtonText,
)


class Appearance(QObject):
    """The current theme, text scale and density of the process. Every widget and delegate gets its colours, fonts
    and sizes from this object.

    Signals:
    - size_about_to_change: the text scale or the density is about to change; every widget still has its earlier size.
    - changed: the palette, the style sheet or a size has changed. Widgets also receive a StyleChange event.
    """

    size_about_to_change = Signal()
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._chosen_theme: ThemeName | None = None
        self._theme: ThemeName = "light"
        self.scale = 1.0
        self.density: Density = "comfortable"
        self.revision = 0
        """A number that rises each time that the theme, the text scale or the density changes. Qt also sends
        StyleChange to each widget that gets a new parent; a widget that has stored the revision of its sizes can
        ignore that event.
        """
        self._applied_look: tuple[str, float, Density] | None = None
        self._colours: dict[str, QColor] = {}
        self._fonts: dict[tuple[TextRoleName, bool, bool | None], QFont] = {}
        self._font_metrics: dict[tuple[TextRoleName, bool, bool | None], QFontMetricsF] = {}

    @property
    def theme(self) -> ThemeName:
        return self._theme

    @property
    def colours_by_name(self) -> Mapping[str, str]:
        """The colours of the current theme, by name."""
        return tokens().get_colours(self._theme)

    def colour(self, colour_name: str) -> QColor:
        """Return a colour of the current theme by its name in the design tokens. A name that consists of a tone and
        `_tint`, such as `text_tint`, means the background colour of that tone."""
        colour = self._colours.get(colour_name)
        if colour is None:
            colour = self._colours[colour_name] = parse_colour(
                self.colours_by_name[_COLOUR_BY_TINT.get(colour_name, colour_name)]
            )
        return colour

    def skeleton_colour(self) -> QColor:
        """Return the colour of the grey bars that are shown in place of rows which aren't read yet. In each theme,
        the bars have only a low contrast to the background."""
        return self.colour({"light": "sunken", "dark": "line", "high_contrast": "hover"}[self._theme])

    def font(self, role: TextRoleName, *, is_bold: bool = False, uses_figures_font: bool | None = None) -> QFont:
        """Return the font of a text role at the current text scale. `is_bold` True selects the bold weight.
        `uses_figures_font` selects the font: True the figures font, False the text font, None the font that the text
        role has."""
        key = (role, is_bold, uses_figures_font)
        if key not in self._fonts:
            self._fonts[key] = font(role, self.scale, is_bold=is_bold, uses_figures_font=uses_figures_font)
        return self._fonts[key]

    def font_metrics(
        self, role: TextRoleName, *, is_bold: bool = False, uses_figures_font: bool | None = None
    ) -> QFontMetricsF:
        """Return the font metrics of a text role at the current text scale. `is_bold` True selects the bold weight.
        `uses_figures_font` selects the font: True the figures font, False the text font, None the font that the text
        role has."""
        key = (role, is_bold, uses_figures_font)
        if key not in self._font_metrics:
            self._font_metrics[key] = QFontMetricsF(
                self.font(role, is_bold=is_bold, uses_figures_font=uses_figures_font)
            )
        return self._font_metrics[key]

    def line_height(self, role: TextRoleName) -> int:
        """Return the line height of a text role, in px, at the current text scale."""
        return line_height(role, self.scale)

    def icon_px(self, unscaled_px: int = 16) -> int:
        """Return the side of an icon next to a text, in px at the current text scale. `unscaled_px` is the side at
        text scale 1.0."""
        return round(unscaled_px * self.scale)

    def control_height(self, kind: str) -> int:
        """Return the height of a control (`button`, `input`, `badge` …) in px: the height in the design tokens,
        plus the height that one line of text gains at the current text scale."""
        return self._compute_scaled_px("control_heights", kind)

    def row_height(self, row_type: str = "") -> int:
        """Return the height of a table's rows in px at the current density and text scale: `row_type` "" is a row,
        "header" the header, "group" a heading."""
        is_compact = self.density == "compact"
        name = self.density if not row_type else f"{row_type}_compact" if is_compact else row_type
        return self._compute_scaled_px("row_heights", name)

    def frame_height(self, name: str) -> int:
        """Return the height of a bar of the window (`top_bar`, `status_bar` …) in px: the height in the design
        tokens, plus the height that one line of text gains at the current text scale."""
        return self._compute_scaled_px("layout", name)

    def _compute_scaled_px(self, section: str, name: str) -> int:
        unscaled_px = tokens().px(section, name)
        # A larger text scale enlarges the text line only, not the padding.
        return unscaled_px + max(0, line_height("body", self.scale) - line_height("body"))

    def choose_theme(self, theme: ThemeName | None) -> None:
        """Use this theme; None means the theme of the system."""
        self._chosen_theme = theme
        self._apply_to_application()

    def set_text_scale(self, text_scale: float) -> None:
        """Set the text scale; values below 1.0 become 1.0, values above 2.0 become 2.0."""
        self.size_about_to_change.emit()
        self.scale = min(2.0, max(1.0, text_scale))
        self._fonts.clear()
        self._font_metrics.clear()
        self._apply_to_application()

    def set_density(self, density: Density) -> None:
        self.size_about_to_change.emit()
        self.density = density
        self._apply_to_application()

    @Slot()
    def follow_system_theme(self) -> None:
        """Use the system's new theme, unless the person has chosen a theme. Qt calls this when the system's theme
        changes."""
        if self._chosen_theme is None:
            self._apply_to_application()

    def _apply_to_application(self) -> None:
        """Set the palette, font and style sheet of the application for the present theme, text scale and density. If
        theme, text scale and density are unchanged, set none of them. Emit `changed` in any case."""
        application = QApplication.instance()
        if not isinstance(application, QApplication):
            return
        self._theme = self._chosen_theme or detect_system_theme(application)
        self._colours.clear()
        style_sheet = make_style_sheet(self._theme, self.scale)
        applied_before, self._applied_look = self._applied_look, (style_sheet, self.scale, self.density)
        if self._applied_look != applied_before:  # Qt polishes every widget again, even if nothing differs
            self.revision += 1
            application.setPalette(self.palette())
            application.setFont(self.font("body"))
            application.setStyleSheet(style_sheet)
        self.changed.emit()

    def palette(self) -> QPalette:
        qt_palette = QPalette()
        for colour_role, name in _PALETTE_COLOURS.items():
            qt_palette.setColor(colour_role, self.colour(name))
        for colour_role in _PALETTE_TEXT_ROLES:
            qt_palette.setColor(QPalette.ColorGroup.Disabled, colour_role, self.colour("disabled_text"))
        return qt_palette


_STYLE_INSTALLED_PROPERTY = "console_style"
"""Name of the Qt property that the application has after its style was set, so that the style is set only once."""
_COLOUR_BY_TINT = {"text_tint": "neutral_tint", "muted_tint": "neutral_tint", "accent_tint": "selected"}


@lru_cache(maxsize=256)
def parse_colour(text: str) -> QColor:
    """Return the colour that a text such as `#RRGGBB` or `rgba(r,g,b,a)` describes, with a from 0 to 1."""
    if not text.startswith("rgba("):
        return QColor(text)
    red, green, blue, alpha = text[5:-1].split(",")
    return QColor(int(red), int(green), int(blue), round(float(alpha) * 255))


def detect_system_theme(app: QApplication) -> ThemeName:
    """Return the system's theme: high contrast if Qt reports that the system prefers it, otherwise light or dark."""
    hints = app.styleHints()
    if hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast:
        return "high_contrast"
    return "dark" if hints.colorScheme() == Qt.ColorScheme.Dark else "light"


_current_appearance: Appearance | None = None


def current_appearance() -> Appearance:
    """Return the Appearance of the process. A process has only one Appearance, because Qt has one palette and one
    style sheet per process."""
    global _current_appearance
    if _current_appearance is None:
        _current_appearance = Appearance()
    return _current_appearance


def install_appearance(app: QApplication, *, theme: ThemeName | None = None) -> Appearance:
    """Apply the Fusion style, palette, font and style sheet to the application, with text scale 1.0 and the
    comfortable density, and return its Appearance. Call this once, before the first window is shown. `theme` None
    means the theme of the system.
    """
    # Creating the style again would delay the start by milliseconds. `app.style()` isn't asked: with a style sheet it
    # returns Qt's own wrapper, which Qt replaces, and PySide then calls a deleted object.
    if app.property(_STYLE_INSTALLED_PROPERTY) is None:
        app.setStyle("Fusion")
        app.setProperty(_STYLE_INSTALLED_PROPERTY, True)
    appearance = current_appearance()
    appearance.density, appearance._chosen_theme = "comfortable", theme
    appearance.set_text_scale(1.0)  # not the attribute alone: fonts and widths of another scale would stay
    app.styleHints().colorSchemeChanged.connect(appearance.follow_system_theme)
    app.styleHints().accessibility().contrastPreferenceChanged.connect(appearance.follow_system_theme)
    return appearance
