"""Tests that texts and edges have enough contrast in each theme."""

import pytest
from PySide6.QtGui import QColor

from console.views.theme.design_tokens import ThemeName, tokens
from console.views.theme.theme import parse_colour

THEMES: tuple[ThemeName, ...] = ("light", "dark", "high_contrast")
SURFACES = ("base", "raised", "hover", "selected")
TONES = ("good", "progress", "unknown", "care", "bad")
TINTS = tuple(f"{tone}_tint" for tone in (*TONES, "neutral"))


def compute_luminance(colour: QColor) -> float:
    """Return the relative luminance of a colour by WCAG 2.2."""
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def compute_contrast_ratio(theme: ThemeName, colour: str, other_colour: str) -> float:
    values = tokens().get_colours(theme)
    low, high = sorted(compute_luminance(parse_colour(values[name])) for name in (colour, other_colour))
    return (high + 0.05) / (low + 0.05)


def find_lowest_contrast_ratio(theme: ThemeName, text_colour: str, background_colours: tuple[str, ...]) -> float:
    return min(compute_contrast_ratio(theme, text_colour, ground) for ground in background_colours)


def measure_contrast_ratios(theme: ThemeName) -> dict[str, float]:
    """Return, by name, the contrast ratios that the design tokens state, computed from their colours. The ratio of
    a colour on several surfaces is the lowest one."""
    inks = ("text", "muted", "placeholder", "accent", *TONES, "border", "focus", "disabled_text")
    ratios = {ink: find_lowest_contrast_ratio(theme, ink, SURFACES) for ink in inks}
    ratios |= {f"{tone}_on_tint": compute_contrast_ratio(theme, tone, f"{tone}_tint") for tone in TONES}
    ratios["word_on_group"] = min(compute_contrast_ratio(theme, ink, "group") for ink in ("text", "muted", *TONES))
    ratios |= {f"{ink}_on_tints": find_lowest_contrast_ratio(theme, ink, TINTS) for ink in ("text", "muted")}
    ratios["on_accent"] = find_lowest_contrast_ratio(theme, "on_accent", ("accent", "accent_hover", "accent_pressed"))
    ratios["on_danger"] = compute_contrast_ratio(theme, "on_danger", "danger_fill")
    ratios["env_label"] = find_lowest_contrast_ratio(theme, "base", ("env_production", "env_test", "env_training"))
    return ratios


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_readable_and_edges_are_visible(theme: ThemeName) -> None:
    """Text has a contrast of at least 4.5:1 on every surface on which it may be shown. Borders and the focus ring
    have at least 3:1.
    """
    for name, value in measure_contrast_ratios(theme).items():
        assert value >= (3.0 if name in ("border", "focus") else 4.5), f"{theme}: {name} has only {value:.2f}"


@pytest.mark.parametrize("theme", THEMES)
def test_stated_contrast_ratios_equal_the_computed_ratios(theme: ThemeName) -> None:
    """The contrast ratios that the design tokens state equal the computed ratios of their colours."""
    ratios = measure_contrast_ratios(theme)
    for name, stated_ratio in tokens().get_lowest_contrasts(theme).items():
        assert ratios[name] == pytest.approx(stated_ratio, abs=0.011), name


@pytest.mark.parametrize("theme", THEMES)
def test_hovered_and_pressed_controls_look_different(theme: ThemeName) -> None:
    """The background of a control changes while the pointer is on it and while it is pressed, and its text stays
    readable.
    """
    colours = tokens().get_colours(theme)
    assert len({colours[name] for name in ("base", "hover", "pressed")}) == 3
    assert colours["danger_hover"] != colours["base"]
    assert colours["pressed"] != colours["raised"]
    assert find_lowest_contrast_ratio(theme, "text", ("hover", "pressed")) >= 4.5
    assert find_lowest_contrast_ratio(theme, "bad", ("danger_hover",)) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_colours_of_different_meaning_differ(theme: ThemeName) -> None:
    """A hint in an empty input is paler than typed text, the text of a disabled control is paler than that of an
    enabled one, and a link has another hue than a warning.
    """
    assert compute_contrast_ratio(theme, "text", "placeholder") >= 1.5
    assert compute_contrast_ratio(theme, "text", "disabled_text") >= 2.0
    accent, care = (parse_colour(tokens().get_colours(theme)[name]).hslHue() for name in ("accent", "care"))
    assert min(abs(accent - care), 360 - abs(accent - care)) >= 15
