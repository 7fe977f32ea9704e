"""The commands of the window, which the search box lists. Each command has a title in both languages, a shortcut, and
the function that it runs. Another function of the command returns the reason why the command is not possible at
present."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from console.domain.lookup.number_input import InvalidCorporationNumber, parse_corporation_number
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.views.app.appearance_choices import (
    DENSITY_CHOICES,
    TEXT_SIZES_PERCENT,
    THEME_CHOICES,
    apply_and_store_density,
    apply_and_store_text_size,
    apply_and_store_theme,
)
from console.views.frame.main_window import ROUTE_BY_SIDEBAR_KEY, WindowFrame
from console.views.help.command_keys import EXPORT_SHORTCUT, SHORTCUT_BY_COMMAND
from console.views.links.routes import find_link_to_route
from console.views.pages.no_right_page import find_needed_right
from console.views.presenters.saved_views import format_record_count, get_saved_view_icon
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import (
    QUEUE_TAB_NAMES,
    LookupRoute,
    QueuesRoute,
    ReconcileRunsRoute,
    Route,
    SetAsidesRoute,
    make_queue_route,
)
from console.views.theme.design_tokens import Language
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:  # importing it takes longer than the rest of this module
    from console.views.exports.list_export import ListExporter

RECENT_COMMANDS_VALUE_NAME = "commands"
"""Name of the value of the person's state with the names of the commands that the person used last."""
MAX_RECENT_COMMANDS = 8
_COMMAND_TITLE_LANGUAGES: tuple[Language, ...] = ("ja", "en")
FunctionByCommandName = Mapping[str, Callable[[], object]]
"""The functions that run the window's commands, by the name of the command."""


@dataclass(frozen=True, slots=True)
class WindowCommand:
    """A command that a person can run from the search box. `name` identifies it; `get_title` returns its title in a
    language; `run` executes it. `icon` is the name of its icon, and `shortcut` its shortcut, such as "Ctrl+L" ("" for
    none). `find_refusal` returns the reason why the command is not possible at present, "" if it is possible.
    `right_side_text` is a short text at the right end of its line, such as a count. `get_further_words` returns words
    in a language by which the command is found, too: the title names a language by its own name only."""

    name: str
    get_title: Callable[[Language], str] = field(compare=False)  # made anew for each search, as the next ones
    run: Callable[[], object] = field(compare=False)
    icon: str = "terminal"
    shortcut: str = ""
    right_side_text: str = field(default="", compare=False)
    find_refusal: Callable[[], str] = field(default=lambda: "", compare=False)
    get_further_words: Callable[[Language], str] = field(default=lambda _: "", compare=False)

    def matches(self, folded_words: Sequence[str]) -> bool:
        """Return True if each of `folded_words` (as `split_into_folded_words` returns them) occurs in the Japanese or
        English title, or in the further words."""
        titles = " ".join(
            unicodedata.normalize("NFKC", text)
            for language in _COMMAND_TITLE_LANGUAGES
            for text in (self.get_title(language), self.get_further_words(language))
        ).casefold()
        return all(word in titles for word in folded_words)

    def has_title(self, text: str) -> bool:
        """Return True if `text` is the whole Japanese or English title. Width, case, spaces and signs are not
        compared, so `text size: 100` is the title `Text size: 100 %`."""
        letters = _extract_folded_letters(text)
        return bool(letters) and any(
            letters == _extract_folded_letters(self.get_title(language)) for language in _COMMAND_TITLE_LANGUAGES
        )


def split_into_folded_words(text: str) -> list[str]:
    """Return the words of a text in the form that `WindowCommand.matches` compares: normalized width and case."""
    return unicodedata.normalize("NFKC", text[:200]).casefold().split()


def _extract_folded_letters(text: str) -> str:
    """Return the letters and digits of a text, in normalized width and case."""
    return "".join(character for word in split_into_folded_words(text) for character in word if character.isalnum())


def list_commands(
    frame: WindowFrame, functions: FunctionByCommandName, typed_number: str | None = None
) -> list[WindowCommand]:
    """Return all commands of the window. `functions` maps the names of commands to the window's functions that run
    them; `typed_number` is the corporation number in the search box, None if there is none."""
    return [
        *_list_page_commands(frame),
        *_list_queue_commands(frame.context),
        *_list_action_commands(frame, functions, typed_number),
        *_list_setting_commands(frame.context),
    ]


def list_recent_command_names(context: WindowContext) -> list[str]:
    """Return the names of the commands that the person has used most recently, at most MAX_RECENT_COMMANDS, the
    latest first."""
    stored_names = context.person_values.get_value(RECENT_COMMANDS_VALUE_NAME)
    return [name for name in stored_names if isinstance(name, str)] if isinstance(stored_names, list) else []


def store_recent_command(context: WindowContext, name: str) -> None:
    """Store that the person has just used the command `name`."""
    earlier_names = [command_name for command_name in list_recent_command_names(context) if command_name != name]
    context.person_values.store(RECENT_COMMANDS_VALUE_NAME, [name, *earlier_names][:MAX_RECENT_COMMANDS])


def _make_title_function(key: str, **placeholder_values: object) -> Callable[[Language], str]:
    """Return a function that returns a command's title in a language. `key` is the wording key of the title;
    `placeholder_values` are the values of its placeholders."""
    facts = tuple(placeholder_values.items())
    return lambda language: _translate_title(key, language, facts)


def _make_choice_title_function(key: str, choice_key: str) -> Callable[[Language], str]:
    """Return a function that returns a command's title in a language. `key` is the wording key of the title.
    `choice_key` is the wording key of the choice that the command selects, such as a theme or a page; the text of the
    choice is a part of the title."""
    return lambda language: _translate_title(key, language, (("choice", _translate_title(choice_key, language, ())),))


@lru_cache(1024)
def _translate_title(key: str, language: Language, facts: tuple[tuple[str, object], ...]) -> str:
    """Return the title with the wording key `key` in a language; `facts` are the names and values of its
    placeholders. The title is cached, because the search box compares each typed text with the titles of all commands
    in both languages. Making a title takes far longer than comparing it."""
    return wording.translate(key, language, **dict(facts))


def _list_page_commands(frame: WindowFrame) -> Iterator[WindowCommand]:
    context = frame.context

    def make_page_command(command_name: str, title_key: str, route: Route, icon: str, key: str = "") -> WindowCommand:
        def find_refusal() -> str:
            return context.find_missing_right_reason(find_needed_right(route))

        title = _make_choice_title_function("command.go", title_key)
        return WindowCommand(
            command_name, title, partial(context.navigate, route), icon, key, find_refusal=find_refusal
        )

    for sidebar_entry in frame.list_sidebar_entries():
        if sidebar_entry.key not in ROUTE_BY_SIDEBAR_KEY:  # a saved view
            continue
        yield make_page_command(
            f"go.{sidebar_entry.key}",
            f"screen.{sidebar_entry.key}",
            ROUTE_BY_SIDEBAR_KEY[sidebar_entry.key],
            sidebar_entry.icon,
            sidebar_entry.shortcut,
        )
    yield make_page_command("go.reconcile_runs", "search.page.reconcile_runs", ReconcileRunsRoute(), "swap")
    yield make_page_command("go.set_asides", "search.page.set_asides", SetAsidesRoute(), "card")


def _list_queue_commands(context: WindowContext) -> Iterator[WindowCommand]:
    """Yield one command for each queue and each saved view. The command opens the queue or view; the number of its
    records is at the right."""
    find_refusal = partial(context.find_missing_right_reason, "read")
    for name in QUEUE_TAB_NAMES:
        queue_count = context.work_counts.find_queue_count(name)
        count = wording.format_count(queue_count.count, is_capped=queue_count.is_capped) if queue_count else ""
        title = _make_title_function("search.open_queue", queue=name)
        run = partial(context.navigate, make_queue_route(name))
        yield WindowCommand(f"queue.{name}", title, run, "list", "", count, find_refusal)
    for view_count in context.saved_views:
        title = _make_title_function(
            "search.open_team_view" if view_count.view.is_team else "search.open_view", name=view_count.view.name
        )
        run = partial(context.navigate, QueuesRoute(view_id=view_count.view.id))
        yield WindowCommand(
            f"view.{view_count.view.id}",
            title,
            run,
            get_saved_view_icon(view_count),
            "",
            format_record_count(view_count),
            find_refusal,
        )


def _list_action_commands(
    frame: WindowFrame, functions: FunctionByCommandName, typed_number: str | None
) -> Iterator[WindowCommand]:
    context = frame.context

    def make_action_command(
        command_name: str, find_refusal: Callable[[], str] = lambda: "", icon: str = "terminal"
    ) -> WindowCommand:
        key = SHORTCUT_BY_COMMAND.get(command_name, "")
        return WindowCommand(
            command_name,
            _make_title_function(f"command.{command_name}"),
            functions[command_name],
            icon,
            key,
            find_refusal=find_refusal,
        )

    find_reading_refusal = partial(context.find_missing_right_reason, "read")
    yield make_action_command("unfinished", find_reading_refusal)
    yield make_action_command("left_open", find_reading_refusal)
    yield make_action_command("mentions", find_reading_refusal)
    yield _make_purchase_command(frame, typed_number)
    yield _make_export_command(frame)
    yield make_action_command(
        "copy_link",
        lambda: "" if find_link_to_route(frame.route_to_shown_contents) else context.translate("link.none"),
    )
    yield make_action_command("reread")
    yield make_action_command("notices")
    yield make_action_command("notifications")
    yield make_action_command("lock", icon="lock")
    yield make_action_command("help")
    yield make_action_command("keys")
    yield make_action_command("about")
    yield make_action_command("sign_out", partial(_find_sign_out_refusal, context))
    yield make_action_command("quit")


def _make_purchase_command(frame: WindowFrame, typed_number: str | None) -> WindowCommand:
    """Return the command that opens the purchase dialog for the typed corporation number. If no number is typed, the
    dialog is for the corporation on the lookup page."""
    context, route = frame.context, frame.current_route
    corporation_number = typed_number or (
        _parse_corporation_number(route.text) if isinstance(route, LookupRoute) else ""
    )

    def find_refusal() -> str:
        return context.find_disabled_reason("purchase") or (
            "" if corporation_number else context.translate("reason.no_typed_number")
        )

    run = partial(
        context.navigate,
        LookupRoute(
            wording.format_corporation_number(corporation_number) if corporation_number else "", opens_purchase=True
        ),
    )
    provider = wording.translate(f"status.{CREDIT_CHECK_PROVIDER}", context.language)
    return WindowCommand(
        "purchase", _make_title_function("command.purchase"), run, "plus", "B", provider, find_refusal
    )


def _parse_corporation_number(text: str) -> str:
    """Return the corporation number that `text` means; "" if the text is no corporation number."""
    try:
        return parse_corporation_number(text).value
    except InvalidCorporationNumber:
        return ""


def _make_export_command(frame: WindowFrame) -> WindowCommand:
    exporter: ListExporter | None = getattr(frame.current_page, "exporter", None)

    def find_refusal() -> str:
        if exporter is not None and exporter.can_export:
            return ""
        return frame.context.translate("reason.no_list")

    def ask_path_and_export_list() -> None:
        if exporter is not None:
            exporter.ask_path_and_export_list()

    return WindowCommand(
        "export",
        _make_title_function("command.export"),
        ask_path_and_export_list,
        shortcut=EXPORT_SHORTCUT,
        find_refusal=find_refusal,
    )


def _find_sign_out_refusal(context: WindowContext) -> str:
    """Return the reason why the person can't sign out now: this program needs no sign-in, or acting calls are
    running. Return "" if a sign-out is possible."""
    if not context.settings.sign_in.is_server:
        return context.translate("reason.no_sign_in")
    return context.translate("menu.sign_out.busy") if context.running_acting_calls else ""


def _list_setting_commands(context: WindowContext) -> Iterator[WindowCommand]:
    for theme in THEME_CHOICES:
        title = _make_choice_title_function("command.theme", f"theme.{theme}")
        yield WindowCommand(f"theme.{theme}", title, partial(apply_and_store_theme, context, theme))
    for language in _COMMAND_TITLE_LANGUAGES:
        title = _make_choice_title_function("command.language", f"language.{language}")
        yield WindowCommand(
            f"language.{language}",
            title,
            partial(context.change_language, language),
            get_further_words=_make_title_function(f"search.language.{language}"),
        )
    for size in TEXT_SIZES_PERCENT:
        title = _make_title_function("command.text_size", percent=size)
        yield WindowCommand(f"text_size.{size}", title, partial(apply_and_store_text_size, context, size))
    for density in DENSITY_CHOICES:
        title = _make_choice_title_function("command.density", f"density.{density}")
        yield WindowCommand(f"density.{density}", title, partial(apply_and_store_density, context, density))
