"""A page whose read takes longer than a second says so, and the person can end the read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from console.app import Console
from console.domain.process.read_interruption import ReadInterrupted
from console.views.app.running_read import RunningReadPanel, RunningReadWatch
from console.views.pages.base import Page
from console.views.runtime.routes import AuditRoute, CreditCheckRoute, LookupRoute, QueuesRoute, Route
from console.wording.sentences.catalogue import translate
from tests.desk.conftest import OpenWindow, buy_check
from tests.desk.window_person import Person
from tests.store.database.test_read_interruption import ENDLESS_SQL
from tests.support.desks import CORPORATION_NUMBERS

ServiceAndMethodName = tuple[Any, str]


@contextmanager
def make_read_endless(console: Console, service: Any, method: str) -> Iterator[list[str]]:
    """Within the block, each call of this method of a service reads from the database without end. Yield a list that
    gets an item each time that the database has ended such a read."""
    read, endings = getattr(service, method), list[str]()

    def read_endlessly(*arguments: Any, **options: Any) -> Any:
        try:
            with console._context.database.read() as conn:
                conn.exec_driver_sql(ENDLESS_SQL[console._context.database.dialect])
        except ReadInterrupted:
            endings.append("interrupted")
            raise
        return read(*arguments, **options)

    setattr(service, method, read_endlessly)
    try:
        yield endings
    finally:
        setattr(service, method, read)


def wait_for_panel(person: Person) -> RunningReadPanel:
    """Wait until the panel about a long read is shown, and return it."""
    (watch,) = person.frame.findChildren(RunningReadWatch)
    person.wait_until(lambda: watch.panel is not None and watch.panel.isVisible())
    assert watch.panel is not None
    return watch.panel


ROUTE_AND_READ_BY_PAGE: dict[
    str, tuple[Callable[[Console, int], Route], Callable[[Console], ServiceAndMethodName]]
] = {
    "a queue": (lambda _, id: QueuesRoute("unknown"), lambda console: (console.recovery, "read_queue")),
    "a record": (lambda _, id: CreditCheckRoute(id), lambda console: (console.credit_checks, "read_credit_check")),
    "a company": (
        lambda _, id: LookupRoute(CORPORATION_NUMBERS[0]),
        lambda console: (console.lookup, "find_records"),
    ),
    "the audit trail": (lambda _, id: AuditRoute(), lambda console: (console.audit, "list_entries")),
}


@pytest.mark.parametrize("page_name", ROUTE_AND_READ_BY_PAGE)
def test_a_long_read_is_announced_and_interrupted(open_window: OpenWindow, console: Console, page_name: str) -> None:
    """After a second of reading, the page says that it reads, and later for how long. Ctrl+. ends the statement in
    the database. A bar then says that the read was interrupted, and F5 reads the page again."""
    make_route, find_read = ROUTE_AND_READ_BY_PAGE[page_name]
    record = buy_check(console, CORPORATION_NUMBERS[0])
    person = open_window()
    service, method = find_read(console)
    with make_read_endless(console, service, method) as endings:
        person.frame.show_route(make_route(console, record.id))
        panel = wait_for_panel(person)
        assert panel.label.plain == translate("screen.reading", "en")
        person.wait_until(lambda: panel.label.plain.startswith(translate("screen.reading_for", "en", seconds=3)[:11]))
        assert (
            panel.geometry().bottom() < person.frame.status_bar.mapTo(person.frame.window, panel.rect().topLeft()).y()
        )
        person.press("Ctrl+.")
        person.wait_until(lambda: bool(endings) and not panel.isVisible())
    page = person.frame.current_page
    assert isinstance(page, Page)
    person.wait_until(lambda: "failed" in page._bar_by_name)
    assert page._bar_by_name["failed"].accessibleName().startswith(translate("screen.reading_cancelled", "en"))
    person.press("F5")
    person.wait_until(lambda: "failed" not in page._bar_by_name)


def test_a_short_read_shows_no_panel(open_window: OpenWindow) -> None:
    """A page that is read within a second shows no panel about the read."""
    person = open_window()
    (watch,) = person.frame.findChildren(RunningReadWatch)
    person.press("Alt+2")
    person.wait_until_read()
    assert watch.list_page_reads() == ()
    assert watch.panel is None or not watch.panel.isVisible()
