"""Tests of the values that two windows of one person share: what one window has sent is no draft in the other one,
and an attempt without an answer has one request id in both.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from console.domain.person_state.drafts import make_draft_name
from console.settings.named_values_file import JsonValue, NamedValues
from console.views.runtime.person_state import SCREEN_VALUE_NAME, PersonValues
from console.views.runtime.request_id import AttemptRequestIds
from tests.support.inline_runner import InlineRunner

DRAFT_NAME = make_draft_name("refund", "5")
DRAFT_VALUE: JsonValue = {
    "kind": "refund",
    "subject": "5",
    "title": "P-5",
    "stage": "form",
    "inputs": {"amount": "500"},
}
OTHER_DRAFT_NAME = make_draft_name("refund", "6")
OTHER_DRAFT_VALUE: JsonValue = {"kind": "refund", "subject": "6", "title": "P-6", "stage": "form", "inputs": {}}


class FileOfPerson:
    """The stored values of one person, which the windows of the person read and change. `renamed_path` is the path
    to which an unusable file was moved."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.renamed_path: Path | None = None

    def open_window(self, *, paused: bool = False) -> PersonValues:
        class Services:
            person_state = self

        runner = InlineRunner()
        window = PersonValues(
            lambda call, _person: lambda: call(Services), lambda: datetime(2026, 11, 20, tzinfo=UTC), runner
        )
        window.load("op-a")
        runner.paused = paused
        return window

    def read_entries(self) -> NamedValues:
        return NamedValues(dict(self.values), self.renamed_path)

    def change_entries(self, changes: dict[str, object]) -> NamedValues:
        self.values = {name: value for name, value in {**self.values, **changes}.items() if value is not None}
        return self.read_entries()


def store_at_once(window: PersonValues, name: str, value: JsonValue | None) -> None:
    window.store(name, value)
    window.write_changes()


def list_subjects(window: PersonValues) -> list[str]:
    return [draft.subject for draft in window.list_drafts()]


def test_a_draft_that_one_window_has_sent_is_no_draft_in_the_other() -> None:
    """The other window lists a draft as soon as it has read the shared values, and no longer lists it after the first
    window has sent it. Each of its own unwritten changes stays."""
    disk = FileOfPerson()
    one, other = disk.open_window(), disk.open_window()
    changes: list[str] = []
    other.changed_elsewhere.connect(lambda: changes.append("changed"))
    store_at_once(one, DRAFT_NAME, DRAFT_VALUE)
    assert list_subjects(other) == []
    other.read_values_of_other_windows()
    assert (list_subjects(other), changes) == (["5"], ["changed"])
    other.read_values_of_other_windows()
    assert changes == ["changed"], "nothing has changed since"

    other.store(OTHER_DRAFT_NAME, OTHER_DRAFT_VALUE)
    store_at_once(one, DRAFT_NAME, None)
    other.read_values_of_other_windows()
    assert (list_subjects(other), changes) == (["6"], ["changed", "changed"])
    other.write_changes()
    one.read_values_of_other_windows()
    assert list_subjects(one) == ["6"]


def test_a_window_keeps_drafts_that_it_has_not_written() -> None:
    """While a window writes a draft, it adopts nothing that was read before. If the file was unusable and is moved
    away, the drafts of the window stay."""
    disk = FileOfPerson()
    window = disk.open_window(paused=True)
    runner = cast("InlineRunner", window._runner)
    window.read_values_of_other_windows()
    store_at_once(window, DRAFT_NAME, DRAFT_VALUE)
    runner.execute_oldest_task()
    assert list_subjects(window) == ["5"]
    runner.execute_oldest_task()
    disk.values, disk.renamed_path = {}, Path("state.broken")
    window.read_values_of_other_windows()
    runner.execute_oldest_task()
    assert list_subjects(window) == ["5"]
    disk.renamed_path = None
    window.read_values_of_other_windows()
    runner.execute_oldest_task()
    assert list_subjects(window) == []


def test_each_window_keeps_the_screen_that_it_has_stored() -> None:
    disk = FileOfPerson()
    one, other = disk.open_window(), disk.open_window()
    store_at_once(one, SCREEN_VALUE_NAME, "queues")
    store_at_once(other, SCREEN_VALUE_NAME, "alerts")
    one.read_values_of_other_windows()
    assert one.get_value(SCREEN_VALUE_NAME) == "queues"


def test_an_attempt_has_one_request_id_in_both_windows() -> None:
    """A window that was opened while a call of another window had no answer doesn't keep the id of this call after
    the answer: its next press of the button isn't answered with the stored answer of the earlier one."""
    disk = FileOfPerson()
    attempt = ("refund", 5, 500)
    one = disk.open_window()
    ids_of_one = AttemptRequestIds(one)
    first = ids_of_one.get_request_id(attempt)
    one.write_changes()
    opened_early, opened_later = disk.open_window(), disk.open_window()
    assert AttemptRequestIds(opened_early).get_request_id(attempt) == first
    ids_of_one.end_attempt(attempt, first)
    one.write_changes()
    opened_later.read_values_of_other_windows()
    assert AttemptRequestIds(opened_later).get_request_id(attempt) != first
