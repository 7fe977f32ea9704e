"""The Qt style sheet of a theme, for the controls that Qt paints. The program's own widgets paint themselves with
the design tokens."""

from string import Template

from console.views.theme.design_tokens import ThemeName, tokens

_STYLE_SHEET_TEMPLATE = Template("""
QMainWindow, QDialog { background: $base; }
QToolTip { background: $raised; color: $text; border: 1px solid $border; padding: 4px 8px; }
QLabel { background: transparent; }
QBalloonTip QLabel { color: black; }
QLabel[tone="muted"] { color: $muted; }
QLabel[tone="good"] { color: $good; }
QLabel[tone="progress"] { color: $progress; }
QLabel[tone="unknown"] { color: $unknown; }
QLabel[tone="care"] { color: $care; }
QLabel[tone="bad"] { color: $bad; }
QLabel[tone="accent"] { color: $accent; }

Surface { background: $base; border: 0 solid $line; }
Surface[raised="true"] { background: $raised; }
Surface[edge="top"] { border-top-width: 1px; }
Surface[edge="bottom"] { border-bottom-width: 1px; }
Surface[edge="left"] { border-left-width: 1px; }
Surface[edge="right"] { border-right-width: 1px; }
Surface[edge="all"] { border-width: 1px; border-radius: ${panel}px; }
ToneBox Surface { background: transparent; }
Surface#dialog_footer {
  border-bottom-left-radius: ${dialog_footer}px; border-bottom-right-radius: ${dialog_footer}px;
}
Surface[differs="true"] { border: ${differs}px solid $bad; }

NotificationBar, ToneBox { border: 1px solid $border; border-radius: ${panel}px; background: $neutral_tint; }
NotificationBar[tone="good"], ToneBox[tone="good"] { border-color: $good; background: $good_tint; }
NotificationBar[tone="progress"], ToneBox[tone="progress"] { border-color: $progress; background: $progress_tint; }
NotificationBar[tone="unknown"], ToneBox[tone="unknown"] { border-color: $unknown; background: $unknown_tint; }
NotificationBar[tone="care"], ToneBox[tone="care"] { border-color: $care; background: $care_tint; }
NotificationBar[tone="bad"], ToneBox[tone="bad"] { border-color: $bad; background: $bad_tint; }
ToastFrame, RunningReadPanel { border: 1px solid $border; border-radius: ${panel}px; background: $raised; }
SearchBoxFrame { border: 1px solid $border; border-radius: ${dialog}px; background: $base; }
QFrame#focus_line { background: $focus; min-height: 2px; max-height: 2px; }
OverlayLayer { background: $scrim; }

EnvironmentFrame { border: ${environment}px solid $env_production; }
EnvironmentFrame[environment="test"] { border-color: $env_test; }
EnvironmentFrame[environment="training"] { border-color: $env_training; }
PrivacyCover { background: $base; }
EnvironmentLabel {
  background: $env_production; color: $base; border-radius: 3px; padding: ${chip_padding}px 7px;
}
EnvironmentLabel[environment="test"] { background: $env_test; }
EnvironmentLabel[environment="training"] { background: $env_training; }

QLineEdit, QPlainTextEdit, QTextEdit {
  background: $base; color: $text; border: 1px solid $border; border-radius: ${control}px; padding: 0 7px;
  selection-background-color: $accent; selection-color: $on_accent; placeholder-text-color: $placeholder;
}
QLineEdit { min-height: ${input}px; max-height: ${input}px; }
QPlainTextEdit, QTextEdit { padding: 5px; }
QLineEdit:focus {
  border: 2px solid $focus; padding: 0 6px; min-height: ${input_focus}px; max-height: ${input_focus}px;
}
QPlainTextEdit:focus, QTextEdit:focus { border: 2px solid $focus; padding: 4px; }
QLineEdit[error="true"] {
  border: 2px solid $bad; padding: 0 6px; min-height: ${input_focus}px; max-height: ${input_focus}px;
}
QPlainTextEdit[error="true"] { border: 2px solid $bad; padding: 4px; }
QLineEdit:disabled, QPlainTextEdit:disabled, QLineEdit[readOnly="true"] {
  background: $disabled_fill; color: $disabled_text; border: 1px solid $disabled_input_border;
  placeholder-text-color: $disabled_text;
}
QLineEdit QLabel:disabled { color: $disabled_text; }
QLineEdit[readOnly="true"]:enabled { color: $text; border-color: $disabled_border; }
QLineEdit[bare="true"], QLineEdit[bare="true"]:focus {
  border: 0; background: transparent; padding: 0; min-height: 0; max-height: 16777215px;
}

.QPushButton {
  background: $base; color: $text; border: 1px solid $border; border-radius: ${control}px;
  padding: 0 12px; min-height: ${button}px;
}
.QPushButton:hover { background: $hover; }
.QPushButton:pressed { background: $pressed; }
.QPushButton:disabled {
  background: $disabled_fill; color: $disabled_text; border: 1px $disabled_border_style $disabled_border;
}

QMenu { background: $base; color: $text; border: 1px solid $border; padding: 4px; menu-scrollable: 1; }
QMenu::item { padding: 6px 40px 6px 12px; border-radius: ${control}px; }
QMenu::item:selected { background: $selected; color: $text; }
QMenu::item:disabled { color: $disabled_text; }
QMenu::right-arrow { width: 0; height: 0; }  /* Menu draws it */
QMenu::separator { height: 1px; background: $line; margin: 4px 0; }

QComboBox QAbstractItemView, QListView, QTableView, QTreeView, QScrollArea {
  border: 0; outline: 0; background: $base;
}
QComboBox QAbstractItemView {
  border: 1px solid $border; selection-background-color: $selected; selection-color: $text; padding: 4px;
}
PdfPageView { background: $sunken; }
QAbstractScrollArea::corner { background: $base; border: 0; }
QListView#side_bar { background: $raised; border-right: 1px solid $line; padding: 8px 0; }
QHeaderView { background: $raised; border: 0; }

QTabBar::scroller { width: ${scroller}px; }
QTabBar QToolButton { background: $base; border: 1px solid $border; }

QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: $border; margin: 3px; border-radius: 3px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QSplitter::handle { background: $line; }
""")


def make_style_sheet(theme: ThemeName, text_scale: float = 1.0) -> str:
    """Return the Qt style sheet for a theme and a text scale. All its colours and most of its sizes come from the
    design tokens.
    """
    design_tokens = tokens()
    growth_px = round((text_scale - 1) * design_tokens.type["body"].line_height_px)
    input_px = design_tokens.px("control_heights", "input") + growth_px
    sizes = {name: design_tokens.px("radii", name) for name in ("control", "panel", "dialog")}
    small_role = design_tokens.type["small"]
    colours = design_tokens.get_colours(theme)
    heights = {
        "chip_padding": round((small_role.line_height_px - small_role.font_size_px) / 2 * text_scale) + 2,
        "environment": design_tokens.px("borders", "environment"),
        "input": input_px - 2 * design_tokens.px("borders", "normal"),
        "input_focus": input_px - 2 * design_tokens.px("borders", "focus"),
        "button": design_tokens.px("control_heights", "button")
        + growth_px
        - 2 * design_tokens.px("borders", "normal"),
        "scroller": round(design_tokens.px("control_heights", "target_min") * text_scale),
        "differs": design_tokens.px("borders", "differs"),
        "dialog_footer": sizes["dialog"] - design_tokens.px("borders", "normal"),  # inside the dialog's border
        # In high contrast, the disabled grey differs little from white: the border differs as well.
        "disabled_border_style": "dashed" if theme == "high_contrast" else "solid",
        # The inputs draw their dashes themselves: Qt would draw them at half strength.
        "disabled_input_border": colours["disabled_fill" if theme == "high_contrast" else "disabled_border"],
    }
    return _STYLE_SHEET_TEMPLATE.substitute(colours, **{k: str(v) for k, v in (sizes | heights).items()})
