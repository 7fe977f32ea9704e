"""The acting person's settings of language, theme, density and text size. The functions apply them to the window
and store them as preferences."""

from typing import cast

from console.views.runtime.context import WindowContext
from console.views.runtime.preferences import Preferences
from console.views.theme.design_tokens import Density, Language, ThemeName
from console.views.theme.theme import current_appearance
from console.wording.sentences import catalogue as wording

SYSTEM_THEME = "system"
THEME_CHOICES = (SYSTEM_THEME, "light", "dark", "high_contrast")
DENSITY_CHOICES: tuple[Density, ...] = ("comfortable", "compact")
TEXT_SIZES_PERCENT = (100, 125, 150, 200)


def apply_and_store_theme(context: WindowContext, name: str) -> None:
    """Apply the theme `name`, one of THEME_CHOICES, and store it as the person's preference; "system" means the
    theme of the operating system."""
    context.preferences.store("theme", name)
    context.theme = find_preferred_theme(context.preferences)
    current_appearance().choose_theme(context.theme)


def apply_and_store_density(context: WindowContext, density: Density) -> None:
    context.preferences.store("density", density)
    current_appearance().set_density(density)


def apply_and_store_text_size(context: WindowContext, percent: int) -> None:
    context.preferences.store("text_size", percent)
    current_appearance().set_text_scale(percent / 100)


def find_preferred_theme(preferences: Preferences) -> ThemeName | None:
    """Return the theme that the person prefers; None means the theme of the operating system."""
    name = preferences.get_text("theme", THEME_CHOICES)
    return None if name in (None, SYSTEM_THEME) else cast("ThemeName", name)


def find_preferred_language(preferences: Preferences) -> Language | None:
    """Return the language that the person prefers; None if the person has stored none."""
    return cast("Language | None", preferences.get_text("language", tuple(wording.LANGUAGES)))


def apply_preferences(context: WindowContext) -> None:
    """Apply the acting person's stored text size, density, theme and language to the window. A setting without a
    stored preference stays unchanged."""
    preferences, appearance = context.preferences, current_appearance()
    percent = preferences.get_number("text_size", 100, 200)
    if percent is not None and percent / 100 != appearance.scale:
        appearance.set_text_scale(percent / 100)
    density = preferences.get_text("density", DENSITY_CHOICES)
    if density is not None and density != appearance.density:
        appearance.set_density(cast("Density", density))
    if (
        preferences.get_text("theme", THEME_CHOICES) is not None
        and find_preferred_theme(preferences) != context.theme
    ):
        context.theme = find_preferred_theme(preferences)
        appearance.choose_theme(context.theme)
    language = find_preferred_language(preferences)
    if language is not None:
        context.change_language(language)
