"""The service `console.saved_views`. A saved view is a name for a filter, a sort order, columns and a grouping of a
queue.

Storing or changing a view changes no record and calls no provider. A view belongs only to the person who made it, or
to the team. All people who use the database see the team's views. Only the maker of a team's view and approvers may
change it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from console.domain.access.permissions import ROLES_BY_RIGHT, has_right, is_same_person
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import NotAllowedDetail
from console.domain.queues.saved_views import (
    LONGEST_NAME_CHARACTERS,
    MAX_OWN_VIEWS,
    MAX_TEAM_VIEWS,
    VIEW_KIND,
    InvalidViewName,
    ParsedView,
    SavedView,
    ViewContent,
    ViewCount,
    clean_view_name,
    find_view_by_name,
    is_storable_view_content,
    parse_view,
)
from console.domain.records import Person
from console.domain.usage_problems import UsageProblem
from console.services.audit import refusals
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import ServiceContext
from console.services.recovery.queues import make_queue_choice, require_known_queue
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.operations.request_ids import RequestIdUse
from console.store.queues import queues, saved_views, view_counts

_SAVE_VIEW_RIGHT = "save_view"
_CHANGE_TEAM_VIEW_RIGHT = "change_team_view"


class SavedViewService:
    """Lists and counts the saved views that the acting person sees, and stores, changes, deletes and restores
    saved views."""

    def __init__(self, context: ServiceContext, request_ids: RequestIdService) -> None:
        self._context, self._request_ids = context, request_ids

    def list_views(self) -> tuple[SavedView, ...]:
        """Return the acting person's own views, then those of the team. Raises not_allowed if the acting person has
        no right to read."""
        with self._context.database.read() as conn:
            return self._list_visible_views(conn)

    def read_view(self, view_name: str) -> SavedView:
        """Return the view with this name, or with this text as its id. If the acting person and the team have a view
        of the same name, return the person's own. Raises not_found if there is no such view, and not_allowed if the
        acting person has no right to read."""
        views = self.list_views()
        view = find_view_by_name(views, view_name) or next(
            (saved_view for saved_view in views if str(saved_view.id) == view_name.strip()), None
        )
        if view is None:
            raise _make_view_not_found_error(view_name)
        return view

    def read_view_by_id(self, id: int) -> SavedView:
        """Return the view with this id, also if another view has this number as its name. Raises not_found if the
        acting person sees no such view, and not_allowed if the person has no right to read."""
        view = next((saved_view for saved_view in self.list_views() if saved_view.id == id), None)
        if view is None:
            raise _make_view_not_found_error(str(id))
        return view

    def parse_view_content(self, content: ViewContent) -> ParsedView:
        """Return the filter and the sort order of a view, and the parts that this program version doesn't
        understand. The condition `owner:me` in the filter selects the takes of the acting person."""
        return parse_view(content, self._context.operator)

    def count_records_of_views(self) -> tuple[ViewCount, ...]:
        """Return the views that the acting person sees, each with the number of its records (at most
        MAX_COUNTED_RECORDS). A view has no number if its queue is unknown or if its filter contains search words.
        Only one SQL statement runs for each queue that has a view. Raises not_allowed if the acting person has no
        right to read."""
        with self._context.database.read() as conn:
            reader = self._context.find_reading_person(conn)
            person = None if reader is None else reader.name
            views = saved_views.list_views(conn, person)
            views_by_queue: dict[str, list[SavedView]] = {}
            for view in views:
                views_by_queue.setdefault(view.content.queue, []).append(view)
            counts: dict[int, ViewCount] = {}
            lapsed_ids = journal.list_lapsed_record_ids_by_kind(conn) if views else {}
            for queue, of_queue in views_by_queue.items():
                for count in self._count_records_of_views_of_queue(conn, queue, of_queue, lapsed_ids, person):
                    counts[count.view.id] = count
        return tuple(counts[view.id] for view in views)

    def _count_records_of_views_of_queue(
        self,
        conn: Connection,
        queue: str,
        views: Sequence[SavedView],
        lapsed_ids: queues.LapsedIds,
        person: str | None,
    ) -> list[ViewCount]:
        if queue not in queues.RECORD_QUEUE_NAMES:
            return [ViewCount(view, problems=(queue,)) for view in views]
        parsed_views = [parse_view(view.content, person) for view in views]
        counted_positions = [
            number for number, view_reading in enumerate(parsed_views) if not view_reading.filter.words
        ]
        choices = [
            make_queue_choice(self._context, conn, parsed_views[number].filter.record_filter)
            for number in counted_positions
        ]
        counts_by_position = dict(
            zip(
                counted_positions, view_counts.count_records_of_choices(conn, queue, lapsed_ids, choices), strict=True
            )
        )
        return [
            ViewCount(
                view,
                counts_by_position[number].count,
                counts_by_position[number].is_capped,
                counts_by_position[number].oldest,
                view_reading.problems,
                view_reading.unreadable_conditions,
            )
            if number in counts_by_position
            else ViewCount(
                view,
                problems=view_reading.problems,
                unreadable_conditions=view_reading.unreadable_conditions,
            )
            for number, (view, view_reading) in enumerate(zip(views, parsed_views, strict=True))
        ]

    def save_view(
        self,
        view_name: str,
        is_team: bool,
        content: ViewContent,
        may_replace: bool = False,
        *,
        request_id: str | None = None,
    ) -> SavedView:
        """Store a view under a name, and return the stored view. With `is_team`, the view belongs to the team,
        otherwise to the acting person. With `may_replace`, the new content replaces the content of an existing view
        with this name.

        Raises usage for a name or content that can't be stored, for a used name without `may_replace`, and if the
        largest number of views is reached. Raises not_allowed if the acting person may not save this view.
        """
        arguments = (view_name, is_team, content, may_replace)
        return self._request_ids.act_once(
            "view save", request_id, arguments, lambda: self._store_view(*arguments), self._find_view_of_earlier_call
        )

    def rename_view(self, id: int, view_name: str, *, request_id: str | None = None) -> SavedView:
        """Change the name of a view, and return the view. Raises not_found if there is no such view or if it is
        deleted, and the errors of `save_view`."""

        def make_renamed_view(view: SavedView) -> SavedView:
            if view.deleted_at is not None:
                raise _make_view_not_found_error(str(id))
            return replace(view, name=_require_valid_view_name(view_name))

        return self._change_view_once(
            "view rename", AuditAction.VIEW_CHANGED, (id, view_name), request_id, make_renamed_view
        )

    def delete_view(self, id: int, *, request_id: str | None = None) -> SavedView:
        """Mark a view as deleted, so that it can be restored. If it is already deleted, change nothing. Return the
        view. Raises not_found if there is no such view, and not_allowed if the acting person may not change it."""

        def make_deleted_view(view: SavedView) -> SavedView:
            return view if view.deleted_at is not None else replace(view, deleted_at=self._context.now())

        return self._change_view_once("view delete", AuditAction.VIEW_DELETED, (id,), request_id, make_deleted_view)

    def restore_view(self, id: int, *, request_id: str | None = None) -> SavedView:
        """Restore a deleted view, and return it. Raises usage if another view has the name of the deleted view now,
        or if there are too many views; not_found if there is no such view, and not_allowed if the acting person may
        not change it.
        """
        return self._change_view_once(
            "view restore", AuditAction.VIEW_RESTORED, (id,), request_id, lambda view: replace(view, deleted_at=None)
        )

    # Writing

    def _store_view(self, view_name: str, is_team: bool, content: ViewContent, may_replace: bool) -> SavedView:
        context = self._context
        with refusals.audit_refusals(context, AuditAction.VIEW_SAVED, None, kind=VIEW_KIND):
            person = context.require_right(_SAVE_VIEW_RIGHT)
            view = SavedView(
                0,
                _require_valid_view_name(view_name),
                is_team,
                person.name,
                _require_valid_view_content(content),
                person.name,
                context.now(),
            )

            def insert_or_replace_view(tx: Transaction) -> SavedView:
                present_view = saved_views.find_by_name(tx.conn, view)
                if present_view is None or not may_replace:
                    return self._insert_view(tx, view)
                self._require_right_to_change(present_view, person)
                changed_view = replace(present_view, name=view.name, content=view.content)
                return self._replace_view(tx, AuditAction.VIEW_CHANGED, present_view, changed_view, person)

            return context.write(insert_or_replace_view)

    def _insert_view(self, tx: Transaction, view: SavedView) -> SavedView:
        self._require_storable_view(tx.conn, view)
        stored_view = replace(view, id=saved_views.add_view(tx.conn, view))
        self._write_audit_entry_of_view(tx, AuditAction.VIEW_SAVED, stored_view)
        return stored_view

    def _change_view_once(
        self,
        command: str,
        action: AuditAction,
        arguments: tuple[int, *tuple[str, ...]],
        request_id: str | None,
        change: Callable[[SavedView], SavedView],
    ) -> SavedView:
        """Change the view whose id is the first of `arguments`, the arguments of the command `command`, and write an
        audit entry with the action `action` if anything changes. `change` is the function that returns the changed
        view. If a call of the same `command` with the same `request_id` has already changed the view, only return the
        stored answer to that call."""
        id, context = arguments[0], self._context

        def change_view() -> SavedView:
            with refusals.audit_refusals(context, action, id, kind=VIEW_KIND):
                person = context.require_right(_SAVE_VIEW_RIGHT)

                def replace_changed_view(tx: Transaction) -> SavedView:
                    view = self._require_changeable_view(tx.conn, id, person)
                    return self._replace_view(tx, action, view, change(view), person)

                return context.write(replace_changed_view)

        return self._request_ids.act_once(
            command, request_id, arguments, change_view, self._find_view_of_earlier_call
        )

    def _find_view_of_earlier_call(self, request_id_use: RequestIdUse) -> CallAnswer | None:
        """Return the view that an earlier call with this request id stored or changed, in its present form; None if
        that call wrote none. The transaction that writes a view also stores the view's id in the request id's row, so
        this method finds the answer to a call whose process was killed before it could store the answer."""
        if request_id_use.subject_kind != VIEW_KIND or request_id_use.subject_id is None:
            return None
        with self._context.database.read() as conn:
            view = saved_views.find(conn, int(request_id_use.subject_id))
        return None if view is None else CallAnswer(view)

    def _replace_view(
        self, tx: Transaction, action: AuditAction, view: SavedView, changed_view: SavedView, person: Person
    ) -> SavedView:
        """Write the changed view with a new version and an audit entry with the action `action`, and return the view.
        If `changed_view` equals `view`, write nothing and return `view`."""
        if changed_view == view:
            return view
        now = self._context.now()
        changed_view = replace(changed_view, version=view.version + 1, changed_by=person.name, changed_at=now)
        if changed_view.deleted_at is None:
            self._require_storable_view(tx.conn, changed_view)
        saved_views.replace_view(tx.conn, changed_view)
        self._write_audit_entry_of_view(tx, action, changed_view)
        return changed_view

    def _require_storable_view(self, conn: Connection, view: SavedView) -> None:
        """Raise ConsoleError `usage` if another view of the same maker (for a team's view, of the team) has this
        view's name, or if the view's maker (for a team's view, the team) already has the largest number of
        views."""
        present_view = saved_views.find_by_name(conn, view)
        if present_view is not None and present_view.id != view.id:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.VIEW_NAME_TAKEN, "name": view.name})
        max_views = MAX_TEAM_VIEWS if view.is_team else MAX_OWN_VIEWS
        other_views = [
            other_view for other_view in saved_views.list_views(conn, view.maker) if other_view.id != view.id
        ]
        if sum(other_view.is_team == view.is_team for other_view in other_views) >= max_views:
            raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.TOO_MANY_VIEWS, "n": max_views})

    def _write_audit_entry_of_view(self, tx: Transaction, action: AuditAction, view: SavedView) -> None:
        facts = {"name": view.name, "queue": view.content.queue, "team": view.is_team, "version": view.version}
        self._context.record_audit(tx, action, view.id, facts, kind=VIEW_KIND)

    # Reading

    def _list_visible_views(self, conn: Connection) -> tuple[SavedView, ...]:
        person = self._context.find_reading_person(conn)
        return saved_views.list_views(conn, None if person is None else person.name)

    def _require_changeable_view(self, conn: Connection, id: int, person: Person) -> SavedView:
        """Return the view with this id if the person may change it. Raises not_found if there is no such view or if
        it belongs to another person. Raises not_allowed if the view belongs to the team and the person may not change
        it."""
        view = saved_views.find(conn, id)
        if view is None or not (view.is_team or is_same_person(view.maker, person.name)):
            raise _make_view_not_found_error(str(id))
        self._require_right_to_change(view, person)
        return view

    def _require_right_to_change(self, view: SavedView, person: Person) -> None:
        """Raise not_allowed if another person has made the view and `person` has no right to change the team's
        views."""
        if not is_same_person(view.maker, person.name) and not has_right(person, _CHANGE_TEAM_VIEW_RIGHT):
            detail: NotAllowedDetail = {
                "operator": person.name,
                "reason": NotAllowedReason.RIGHT_MISSING,
                "needs": sorted(ROLES_BY_RIGHT[_CHANGE_TEAM_VIEW_RIGHT]),
            }
            raise ConsoleError(ErrorCode.NOT_ALLOWED, detail)


def _make_view_not_found_error(view_name: str) -> ConsoleError:
    return ConsoleError(ErrorCode.NOT_FOUND, {"kind": VIEW_KIND, "id": view_name[:LONGEST_NAME_CHARACTERS]})


def _require_valid_view_name(text: str) -> str:
    """Return the name in the form in which it is stored. Raises usage for a text that can't be the name of a view."""
    try:
        return clean_view_name(text)
    except InvalidViewName:
        raise ConsoleError(
            ErrorCode.USAGE, {"problem": UsageProblem.INVALID_VIEW_NAME, "longest": LONGEST_NAME_CHARACTERS}
        ) from None


def _require_valid_view_content(content: ViewContent) -> ViewContent:
    """Return the content of the view unchanged. Raises usage if its queue is unknown or if the content has a form
    that can't be stored."""
    require_known_queue(content.queue)
    if not is_storable_view_content(content):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.VIEW_TOO_LARGE})
    return content
