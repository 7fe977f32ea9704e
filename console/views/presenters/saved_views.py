"""Saved views in lists of the window: their entry in the sidebar, their counts and titles."""

from console.domain.queues.saved_views import ViewCount
from console.views.widgets.sidebar import SidebarPlace
from console.wording import catalogue as wording

_PREFIX = "view/"


def view_key(id: int) -> str:
    """Return the key of a view's entry in a list."""
    return f"{_PREFIX}{id}"


def parse_view_key(key: str) -> int:
    """Return the id of the view whose entry has this key; 0 if the entry is no view."""
    return int(key.removeprefix(_PREFIX)) if key.startswith(_PREFIX) else 0


def count_text(view: ViewCount) -> str:
    """Return the number of a view's records; "" if it can't be counted."""
    return "" if view.count is None else wording.format_count(view.count, is_capped=view.is_capped)


def view_shape(view: ViewCount) -> str:
    """Return the icon of a view: a warning if a part of it isn't understood."""
    return "square_bang" if view.problems else "filter"


def view_place(view: ViewCount) -> SidebarPlace:
    """Return a view's entry in the sidebar."""
    return SidebarPlace(
        view_key(view.view.id), view_shape(view), view.view.name, "", count_text(view), is_nested=True
    )
