"""Tests of the page of the audit trail."""

from datetime import UTC, datetime

import pytest

from console.domain.access.permissions import AUDITOR, OPERATOR
from console.domain.records import AuditEntry, Person
from console.views.audit.page import AuditPage
from console.views.runtime.routes import Route
from console.views.widgets.base import TextLabel
from tests.views.invented_checks import make_window_context


@pytest.mark.parametrize(("subject", "is_opened"), [("payment 4", True), ("operator 4", False), ("", False)])
def test_enter_opens_the_record_of_an_entry_or_says_that_there_is_none(
    appearance: object, subject: str, is_opened: bool
) -> None:
    """Enter on an entry opens the page of its record. If the entry isn't about a record, the page says so."""
    page = AuditPage(make_window_context())
    routes: list[Route] = []
    page.context.navigation_requested.connect(routes.append)
    at = datetime(2026, 11, 19, 3, 0, tzinfo=UTC)
    page.table.opened.emit(AuditEntry(9, at, "op-a", "take", subject, "done", None))
    texts = [label.plain for label in page.findChildren(TextLabel)]
    assert bool(routes) is is_opened
    assert (page.context.translate("act.nothing_to_open") in texts) is not is_opened


def test_only_a_person_with_limited_sight_reads_of_it(appearance: object) -> None:
    """An operator reads that only their own entries are shown; an auditor, who sees all entries, doesn't."""
    context = make_window_context()
    page = AuditPage(context)
    shown = []
    for role in (OPERATOR, AUDITOR):
        context.replace_people((Person("op-a", frozenset({role}), may_buy=False),))
        shown.append(page.owner_label.plain)
    assert shown == ["You see only your own entries.", ""]
