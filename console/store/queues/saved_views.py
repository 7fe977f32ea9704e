"""Table `saved_views`: a view is a name that a person gives to a filter, a sort order, columns and a grouping of a
queue.

A deleted view keeps its row, so that its maker can restore it. The unique column `claim` is a hash of the view's
name and owner (a person or the team), and NULL while the view is deleted. So no owner has two shown views with equal
names.
"""

import json
from typing import Any
from unicodedata import category

from sqlalchemy import Connection, Select, and_, bindparam, false, or_, select, true, update
from sqlalchemy import insert as into
from sqlalchemy.exc import IntegrityError

from console.domain.queues.saved_views import (
    LONGEST_NAME_CHARACTERS,
    VIEW_KIND,
    SavedView,
    ViewContent,
    make_view_name_claim,
)
from console.store.database import compare_and_swap, unreadable_rows
from console.store.database.error_codes import RunAgain
from console.store.database.instants import convert_to_aware_utc, convert_to_naive_utc
from console.store.payments.row_mapping import read_as_utc
from console.store.schema.worker import saved_views

_INVISIBLE_UNICODE_CATEGORIES = frozenset(("Cc", "Cf", "Zl", "Zp"))
_MAX_VIEWS = 1_000
"""Largest number of views that one list reads."""
_LONGEST_CONTENT_CHARACTERS = 32_000
"""Largest length of a view's stored content (JSON text); a longer one isn't read. The content with the longest
allowed texts and all columns is shorter."""
_VIEW_VISIBLE_TO_PERSON_CONDITION = or_(
    saved_views.c.is_team == true(),
    and_(saved_views.c.is_team == false(), saved_views.c.maker == bindparam("person")),
)
_VISIBLE_VIEWS_QUERY = (
    select(saved_views)
    .where(_VIEW_VISIBLE_TO_PERSON_CONDITION, saved_views.c.deleted_at.is_(None))
    .order_by(saved_views.c.is_team, saved_views.c.id)
    .limit(_MAX_VIEWS)
)
_VIEW_BY_ID_QUERY: Select[Any] = select(saved_views).where(saved_views.c.id == bindparam("view_id"))
_VIEW_BY_CLAIM_QUERY: Select[Any] = select(saved_views).where(saved_views.c.claim == bindparam("claim"))
_INSERT_VIEW_STATEMENT = into(saved_views)
_REPLACED_VIEW_COLUMNS = ("name", "claim", "content", "changed_by", "changed_at", "deleted_at", "version")
_UPDATE_VIEW_STATEMENT = (
    update(saved_views)
    .where(saved_views.c.id == bindparam("view_id"), saved_views.c.version == bindparam("version_as_read"))
    .values({column: bindparam(column) for column in _REPLACED_VIEW_COLUMNS})
)


def list_views(conn: Connection, person: str | None) -> tuple[SavedView, ...]:
    """Return the views that aren't deleted: first the views of `person`, then the team's views, each in the order in
    which they were made. With `person` None, return only the team's views. At most _MAX_VIEWS rows are read, and rows
    that can't be read are left out."""
    rows = conn.execute(_VISIBLE_VIEWS_QUERY, {"person": person or ""})
    return unreadable_rows.read_readable_rows("saved_views", rows, _make_view)


def find(conn: Connection, view_id: int) -> SavedView | None:
    """Return a view by its id, a deleted one too; None if there is none, or if its row can't be read."""
    views = unreadable_rows.read_readable_rows(
        "saved_views", conn.execute(_VIEW_BY_ID_QUERY, {"view_id": view_id}), _make_view
    )
    return views[0] if views else None


def find_by_name(conn: Connection, view: SavedView) -> SavedView | None:
    """Return the stored view that has the name of `view` and the same owner (the same person, or the team) and
    isn't deleted; None if there is none."""
    rows = conn.execute(_VIEW_BY_CLAIM_QUERY, {"claim": _make_claim(view)})
    views = unreadable_rows.read_readable_rows("saved_views", rows, _make_view)
    return views[0] if views else None


def add_view(conn: Connection, view: SavedView) -> int:
    """Insert a view, announce it in the change feed and return its id. Raises RunAgain if another view with this
    name and owner was inserted at the same time."""
    row = _make_view_row(view) | {"is_team": view.is_team, "maker": view.maker}
    try:
        return compare_and_swap.insert_and_announce(conn, VIEW_KIND, _INSERT_VIEW_STATEMENT, row, view.changed_at)
    except IntegrityError:
        raise RunAgain from None


def replace_view(conn: Connection, view: SavedView) -> None:
    """Write the changed name, content or deletion of a view, and announce it in the change feed. `view.version` is
    the new version. Raises RunAgain if the view was changed, or another view got its name, at the same time."""
    try:
        is_written = conn.execute(
            _UPDATE_VIEW_STATEMENT, _make_view_row(view) | {"view_id": view.id, "version_as_read": view.version - 1}
        ).rowcount
    except IntegrityError:
        raise RunAgain from None
    if is_written != 1:
        raise RunAgain
    compare_and_swap.announce_change(conn, VIEW_KIND, view.id, view.changed_at)


def _make_claim(view: SavedView) -> str:
    """Return the value of the unique column `claim`: the hash of the view's name and owner (a person or the team)."""
    return make_view_name_claim(view.name, None if view.is_team else view.maker)


def _make_view_row(view: SavedView) -> dict[str, object]:
    return {
        "name": view.name,
        "claim": None if view.deleted_at is not None else _make_claim(view),
        "content": _format_content(view.content),
        "changed_by": view.changed_by,
        "changed_at": convert_to_naive_utc(view.changed_at),
        "deleted_at": None if view.deleted_at is None else convert_to_naive_utc(view.deleted_at),
        "version": view.version,
    }


def _make_view(row: Any) -> SavedView:
    """Return the view of a row. Raises ValueError for a name or a content that this program doesn't store: one
    that is too long, or a name with invisible characters."""
    if len(row.name) > LONGEST_NAME_CHARACTERS or any(
        category(sign) in _INVISIBLE_UNICODE_CATEGORIES for sign in row.name
    ):
        raise ValueError("no name of a view")
    if len(row.content) > _LONGEST_CONTENT_CHARACTERS:
        raise ValueError("no content of a view")
    return SavedView(
        id=row.id,
        name=row.name,
        is_team=bool(row.is_team),
        maker=row.maker,
        content=_parse_content(row.content),
        changed_by=row.changed_by,
        changed_at=convert_to_aware_utc(row.changed_at),
        version=row.version,
        deleted_at=read_as_utc(row.deleted_at),
    )


def _format_content(content: ViewContent) -> str:
    return json.dumps(
        {
            "queue": content.queue,
            "filter": content.filter,
            "words": content.words,
            "sort": content.sort,
            "columns": list(content.columns),
            "by_cause": content.by_cause,
        },
        ensure_ascii=False,
        sort_keys=True,
    )


def _parse_content(text: str) -> ViewContent:
    """Return the content of a view from its stored JSON text. Values that aren't texts are converted to texts. Raises
    ValueError, KeyError, TypeError or RecursionError for a text that isn't a JSON object with a `queue`."""
    stored_content = json.loads(text)
    return ViewContent(
        queue=str(stored_content["queue"]),
        filter=str(stored_content.get("filter", "")),
        words=str(stored_content.get("words", "")),
        sort=str(stored_content.get("sort", "")),
        columns=tuple(str(key) for key in stored_content.get("columns", ())),
        by_cause=stored_content.get("by_cause") is True,
    )
