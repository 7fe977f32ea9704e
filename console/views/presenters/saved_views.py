"""Texts and sidebar entries of saved views (a filter, sort order, columns and grouping of a queue under a name)."""

from collections.abc import Callable

from console.domain.queues.saved_views import ViewCount
from console.views.widgets.window.sidebar import SidebarEntry
from console.wording.sentences import catalogue as wording

_SAVED_VIEW_KEY_PREFIX = "view/"


def make_saved_view_key(id: int) -> str:
    """Return the key of the sidebar entry of the saved view with this id."""
    return f"{_SAVED_VIEW_KEY_PREFIX}{id}"


def parse_saved_view_key(key: str) -> int:
    """Return the id of the saved view that the sidebar entry with this key shows; 0 if the entry shows no saved
    view."""
    return int(key.removeprefix(_SAVED_VIEW_KEY_PREFIX)) if key.startswith(_SAVED_VIEW_KEY_PREFIX) else 0


def format_record_count(view: ViewCount) -> str:
    """Return the number of records that the saved view shows; "" if they weren't counted, and – if the view has a
    condition that can't be read, because the count then contains records which the condition would exclude."""
    if view.unreadable_conditions:
        return wording.NO_VALUE
    return "" if view.count is None else wording.format_count(view.count, is_capped=view.is_capped)


def get_saved_view_icon(view: ViewCount) -> str:
    """Return the icon for a saved view: a warning if this program doesn't understand a part of the view, otherwise
    two people for a view of the team and a filter for an own view. A person may have an own view with the name of a
    team's view, so the names alone don't tell them apart."""
    if view.problems:
        return "square_bang"
    return "people" if view.view.is_team else "filter"


def format_view_problem(view: ViewCount, translate: Callable[..., str]) -> str:
    """Return the sentence about the conditions of the view that can't be read; "" if all of them can."""
    if not view.unreadable_conditions:
        return ""
    return translate("queue.filter_problem", names=view.unreadable_conditions)


def make_saved_view_sidebar_entry(view: ViewCount, translate: Callable[..., str]) -> SidebarEntry:
    """Return the sidebar entry of a saved view. Its tooltip says that a team's view is the team's, and names the
    conditions that can't be read."""
    team_text = translate("view.shown_team", name=view.view.name) if view.view.is_team else ""
    return SidebarEntry(
        make_saved_view_key(view.view.id),
        get_saved_view_icon(view),
        view.view.name,
        "",
        format_record_count(view),
        is_nested=True,
        explanation="\n".join(filter(None, (team_text, format_view_problem(view, translate)))),
    )
