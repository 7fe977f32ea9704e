"""A queue that is grouped by cause, operated by the keyboard: a person opens and closes groups, selects a whole
group, and a screen reader reads the groups aloud.
"""

from PySide6.QtCore import Qt

from console.app import Console
from console.domain.queues.filters import find_cause
from console.domain.tasks.records import BulkAction
from console.sandbox.server import Sandbox
from console.views.queues.cause_groups import CauseRow
from console.views.queues.page import QueuesPage
from console.views.queues.rows import QueueRow
from console.views.runtime.routes import QueuesRoute
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome
from tests.desk.test_queue_filter import CORPORATION_NUMBERS, read_listed_ids


def test_groups_are_opened_selected_and_read_aloud(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """The key Right opens a group of a queue. Left leads to the group's row and then closes it. Space selects all
    records of the group. A filter narrows the groups.
    """
    for number in CORPORATION_NUMBERS[:2]:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 2)
    ids = read_listed_ids(page)
    (item, *_) = [row.item for row in page.row_model.iterate_loaded_rows() if isinstance(row, QueueRow)]
    person.press("G")

    def list_rows() -> list[object]:
        return list(page.row_model.iterate_loaded_rows()) if page.row_model.has_read_last_page else []

    person.wait_until(lambda: len(list_rows()) == 1 and isinstance(list_rows()[0], CauseRow))
    (group,) = list_rows()
    assert isinstance(group, CauseRow)
    assert (group.group.cause, group.group.count, group.is_open) == (find_cause(item.record), 2, False)
    assert not page.table.is_heading_row(0), "a list of closed groups has the background of rows"
    place = next(number for number, column in enumerate(page.row_model.columns) if column.key == "company")
    assert page.row_model.columns[place].format_text(group).startswith("▸ ")
    spoken = page.row_model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken
    person.wait_until(lambda: page.table.current_item == group)
    person.wait_until(lambda: page.hint_bar.status_label.plain == "2 records")  # as many as the tab says
    person.press("Right")
    person.wait_until(lambda: len(list_rows()) == 3)
    assert read_listed_ids(page) == ids
    assert [page.table.is_heading_row(row) for row in range(3)] == [True, False, False]
    person.wait_until(lambda: isinstance(page.table.current_item, CauseRow))
    assert page.row_model.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole) != spoken
    person.press("Down", 2)
    person.wait_until(lambda: page.current_row is not None)
    person.wait_until(lambda: page.hint_bar.status_label.plain.split(" · ")[0] == "2 of 2")
    person.press("Left")
    person.wait_until(lambda: isinstance(page.table.current_item, CauseRow))
    person.press("Space")
    person.wait_until(page.selection.bar.isVisible)
    request = page.selection.make_bulk_request(BulkAction.PROBE)
    assert request.record_count == 2
    records = request.list_records(console)
    assert {one.id for one in records if not isinstance(one, str)} == set(ids)
    person.press("Left")
    person.wait_until(lambda: len(list_rows()) == 1)
    person.press("Ctrl+F")
    person.type_in("amount:>5")
    person.wait_until(lambda: page.row_model.has_read_last_page and page.row_model.row_count == 0)
    person.press("Esc")
    person.wait_until(lambda: len(list_rows()) == 1)
    page.toggle_grouping()
    person.wait_until(lambda: read_listed_ids(page) == ids)


def test_a_heading_offers_only_keys_that_act_on_it(
    open_window: OpenWindow, console: Console, sandbox: Sandbox
) -> None:
    """While the heading of a group is the current row, the line of shortcuts names no key that acts on a record. If
    the group is selected, it names the keys that act on the selected records. On a record it names all of them.
    """
    for number in CORPORATION_NUMBERS[:2]:
        buy_with_unknown_outcome(console, sandbox, number)
    person = open_window()
    person.frame.show_route(QueuesRoute("unknown"))
    page = person.wait_for_page(QueuesPage)
    page.take_focus()
    person.press("G")
    person.wait_until(lambda: isinstance(page.table.current_item, CauseRow))
    of_selection = {"P", "F", "T", "Shift+T", "N", "Ctrl+D", "Ctrl+Shift+E"}
    # No P: AlarmBox has no call that finds a purchase with an unknown outcome.
    of_record = {"E", "T", "Shift+T", "H", "N", "Ctrl+D", "Ctrl+Shift+E", "Ctrl+Shift+T"}

    def are_hinted(expected: set[str]) -> bool:
        hinted = {key for keys, _text in page.hint_bar.key_hints for key in keys}
        return {"Enter", "Space", "G"} <= hinted and hinted & (of_selection | of_record | {"O"}) == expected

    person.wait_until(lambda: are_hinted(set()))
    person.press("Space")
    person.wait_until(lambda: are_hinted(of_selection))
    person.press("Space")
    person.wait_until(lambda: are_hinted(set()))
    person.press("Right")
    person.wait_until(lambda: page.row_model.row_count == 3)
    person.press("Down")
    person.wait_until(lambda: are_hinted(of_record))
    person.press("Up")
    person.wait_until(lambda: are_hinted(set()))
