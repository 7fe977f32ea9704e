"""A working day with a screen reader and the keyboard alone. The spoken sentences are compared with those stored in
`transcripts`, so that a reviewer sees each changed sentence. `TRANSCRIPTS=write` writes the stored files again.
"""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path

import pytest
import sqlalchemy as sa
from PySide6.QtWidgets import QApplication

from console.app import Console
from console.sandbox.server import Sandbox
from console.store.schema import core as schema
from tests.desk.conftest import OpenWindow, buy_with_unknown_outcome, buy_without_pdf, read_provider_id
from tests.desk.screen_reader_user import ScreenReaderUser, ShownTimes
from tests.desk.window_desks import WindowTestDesks
from tests.support.accessible_tree import Role
from tests.support.announcements import SentAnnouncement, collect_announcements
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.money_desks import import_paid_payment

TRANSCRIPTS_FOLDER = Path(__file__).parent / "transcripts"
ORDER_NUMBER = "ORD-20261120-000123"
LONGEST_DELAY_PROPERTY = "longest delay in seconds"
"""The property of a test that `make bench` reads from its report."""


@pytest.fixture
def show_times(qapp: QApplication) -> Iterator[ShownTimes]:
    watching = ShownTimes()
    qapp.installEventFilter(watching)
    yield watching
    qapp.removeEventFilter(watching)


@pytest.fixture
def announced_sentences(show_times: ShownTimes) -> Iterator[list[SentAnnouncement]]:
    with collect_announcements(show_times.record_event_loop_pass) as sentences:
        yield sentences


@pytest.mark.embedded("the transcript is that of a desk without passwords, where one window is everybody's")
@pytest.mark.parametrize("language", ["en", "ja"])
def test_announcements_of_a_days_work_match_the_transcript(
    window_desks: WindowTestDesks,
    open_window: OpenWindow,
    console: Console,
    sandbox: Sandbox,
    announced_sentences: list[SentAnnouncement],
    show_times: ShownTimes,
    record_property: Callable[[str, object], None],
    language: str,
) -> None:
    """The spoken sentences of eleven actions of a day equal the stored transcript. On every screen each control has a
    name, no text is a placeholder, and exactly one node has the focus. Each shown bar or toast is announced in the
    pass of the event loop in which it is shown.
    """
    import_paid_payment(console, sandbox, ORDER_NUMBER, 12_000)
    lacking = [buy_without_pdf(console, sandbox, number) for number in CORPORATION_NUMBERS[:3]]
    unknown = buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[3])
    _postpone_refetches(console)
    person = open_window()
    person.opening.context.change_language("ja" if language == "ja" else "en")
    person.wait_until_read()
    QApplication.processEvents()
    announced_sentences.clear()
    show_times.shown.clear()
    blind = ScreenReaderUser(person, announced_sentences)
    word = blind.get_text

    blind.begin_action("Was it paid?")
    blind.press("Ctrl+K")
    blind.type_text(ORDER_NUMBER)
    blind.wait_for_sentence(f"{word('kind.payment')} {ORDER_NUMBER}")
    person.wait_until_read()
    blind.press("Return")
    blind.wait_for_title(word("kind.payment"))
    blind.check_tree()

    blind.begin_action("Ask for a refund")
    blind.press("R")
    blind.find_node(Role.EditableText, word("dialog.refund.words"))
    blind.check_tree()
    blind.tab_to_node(Role.ComboBox, word("field.reason"))
    blind.press("Down")
    blind.tab_to_node(Role.EditableText, word("dialog.refund.words"))
    blind.type_text("ordered twice")
    blind.activate_node(Role.Button, word("dialog.refund.review"))
    blind.wait_for_sentence(word("dialog.refund.confirm", amount="¥12,000"))
    blind.check_tree()
    blind.activate_node(Role.Button, word("dialog.refund.act"))
    blind.wait_for_sentence(word("dialog.refund.asked_title", id=1, amount="¥12,000"))
    blind.wait_for_sentence(f"{word('kind.payment')} {ORDER_NUMBER}")  # the record behind the dialog has changed
    blind.check_tree()
    blind.press("Esc")
    person.wait_without_dialog()

    blind.begin_action("A second person approves it")
    window_desks.switch_person(person, "lead-b")
    blind.press("Alt+4")
    blind.wait_for_title(word("screen.approvals"))
    blind.check_tree()
    blind.tab_to_node(Role.Grouping, word("dialog.approve.title", amount="¥12,000"))
    blind.press("End")
    blind.find_node(Role.Button, word("action.approve"))
    blind.press("A")
    blind.find_node(Role.Button, word("dialog.approve.act"))
    blind.check_tree()
    blind.activate_node(Role.Button, word("dialog.approve.act"))
    blind.wait_for_sentence(word("dialog.approve.done"))
    blind.check_tree()
    blind.press("Esc")
    person.wait_without_dialog()
    blind.check_tree()
    window_desks.switch_person(person, "op-a")

    blind.begin_action("Work a queue with a probe")
    blind.press("Alt+2")
    blind.activate_node(Role.PageTab, word("queue.unknown.title"))
    blind.find_node(Role.Table, word("queue.unknown.title"))
    blind.check_tree()
    blind.press("P")
    blind.wait_for_sentence(word("dialog.probe.still_unknown"))
    blind.check_tree()

    blind.begin_action("Resolve an unknown")
    blind.press("E")
    blind.activate_node(Role.RadioButton, word("dialog.resolve.by_number"))
    blind.tab_to_node(Role.EditableText, word("dialog.resolve.by_number"))
    blind.type_text(str(read_provider_id(sandbox, unknown.corporation_number)))
    blind.activate_node(Role.RadioButton, word("dialog.resolve.as_success"))
    blind.tab_to_node(Role.EditableText, word("dialog.resolve.reason_words"))
    blind.type_text("their list")
    blind.check_tree()
    blind.activate_node(Role.Button, word("dialog.resolve.act_now"))
    blind.wait_for_sentence(word("dialog.resolve.done_title"))
    _postpone_refetches(console)  # the resolved credit check has no PDF either
    blind.check_tree()
    blind.press("Esc")
    person.wait_without_dialog()

    blind.begin_action("Fetch a PDF again")
    blind.activate_node(Role.PageTab, word("queue.incomplete.title"))
    blind.find_node(Role.Table, word("queue.incomplete.title"))
    person.wait_until_read()
    blind.tab_to_node(Role.Table, word("queue.incomplete.title"))
    blind.press("Return")
    blind.wait_for_title(word("record.short", id=lacking[0].id))
    blind.check_tree()
    blind.press("F")
    blind.activate_node(Role.Button, word("dialog.refetch.act"))
    blind.wait_for_sentence(word("dialog.refetch.done_title"))
    blind.wait_for_sentence(word("record.short", id=lacking[0].id))
    blind.check_tree()
    blind.press("Esc")
    person.wait_without_dialog()
    blind.check_tree()

    blind.begin_action("Read the PDF as text")
    blind.find_node(Role.Button, word("action.open_pdf"))
    blind.press("O")
    blind.wait_for_title(word("pdf.title", id=lacking[0].id))
    blind.check_tree()
    blind.press("T")
    blind.wait_for_sentence(word("pdf.text_words"))
    person.wait_until_read()
    text = blind.find_node(Role.EditableText, word("pdf.text_name")).textInterface()
    assert text is not None
    assert CORPORATION_NUMBERS[0] in text.text(0, text.characterCount())
    blind.check_tree()

    blind.begin_action("One thing done to many records")
    blind.press("Alt+2")
    blind.activate_node(Role.PageTab, word("queue.incomplete.title"))
    person.wait_until_read()
    blind.tab_to_node(Role.Table, word("queue.incomplete.title"))
    blind.press("Ctrl+A")
    blind.press("F")
    blind.activate_node(Role.Button, word("bulk.act.refetch", n=3))
    blind.wait_for_sentence(word("bulk.told.done"))
    blind.check_tree()
    blind.press("Esc")
    person.wait_without_dialog()

    blind.begin_action("A refusal")
    buy_with_unknown_outcome(console, sandbox, CORPORATION_NUMBERS[4])
    window_desks.switch_person(person, "aud-e")
    blind.press("Alt+1")
    blind.wait_for_title(word("screen.home"))
    blind.check_tree()
    blind.press("Alt+2")
    blind.activate_node(Role.PageTab, word("queue.unknown.title"))
    blind.find_node(Role.Heading, word("record.short", id=unknown.id + 1))
    person.wait_until_read()
    blind.tab_to_node(Role.Table, word("queue.unknown.title"))
    blind.press("E")
    blind.wait_for_sentence(word("act.refused"))
    blind.check_tree()

    blind.begin_action("A number with a wrong digit")
    blind.press("Alt+3")
    blind.wait_for_title(word("screen.lookup"))
    blind.type_text(f"{(int(CORPORATION_NUMBERS[0][0]) + 1) % 10}{CORPORATION_NUMBERS[0][1:]}")
    blind.wait_for_sentence(word("lookup.wrong_digit"))
    blind.check_tree()

    blind.begin_action("The connection is lost, and comes back")
    context = person.opening.context
    context.update_connection_state(lost_since=context.now())
    blind.wait_for_sentence(word("screen.offline"))
    blind.check_tree()
    context.update_connection_state(lost_since=None)
    person.wait_until(lambda: person.frame.toasts.visible_toasts != ())
    blind.check_tree()
    blind.write_spoken_sentences()

    nearest = match_shown_with_announced(show_times, announced_sentences)
    assert nearest
    largest_delay = max(abs(shown_at - heard_at) for _, shown_at, heard_at in nearest)
    print(f"largest delay of {len(nearest)} bars and toasts in {language}: {1000 * largest_delay:.1f} ms")
    assert [sentence for sentence, *times in nearest if not show_times.is_same_event_loop_pass(*times)] == []
    record_property(LONGEST_DELAY_PROPERTY, blind.longest_delay)
    compare_transcript(TRANSCRIPTS_FOLDER / f"day.{language}.md", blind.transcript)


def _postpone_refetches(console: Console) -> None:
    """Postpone the automatic re-fetches, because on a busy machine they would run before the person's own
    re-fetch.
    """
    context, table = console._context, schema.credit_checks
    later = context.now() + timedelta(minutes=30)
    statement = sa.update(table).where(table.c.work_at.is_not(None)).values(work_at=later)
    context.write(lambda tx: tx.conn.execute(statement))


def match_shown_with_announced(
    show_times: ShownTimes, announcements: list[SentAnnouncement]
) -> list[tuple[str, float, float]]:
    """Return the sentence of each announced bar or toast, with the times at which it was shown and announced. If it
    was announced several times, the time nearest to the showing is returned. A bar or toast that was never announced
    is left out.
    """
    nearest = []
    for sentence, at in show_times.shown:
        times = [one.sent_at_seconds for one in announcements if sentence in one.sentence]
        if times:
            nearest.append((sentence, at, min(times, key=lambda time: abs(time - at))))
    return nearest


def compare_transcript(file: Path, transcript: list[str]) -> None:
    text = "\n".join(["# What is heard in a day's work", *_sort_concurrent_sentences(transcript), ""])
    if os.environ.get("TRANSCRIPTS") == "write":
        file.write_text(text, encoding="utf-8")
    assert text.splitlines() == file.read_text(encoding="utf-8").splitlines()


def _sort_concurrent_sentences(transcript: list[str]) -> list[str]:
    """Return the transcript with the sentences between two key presses sorted, because their order depends on which
    thread ends first.
    """
    runs = [list(lines) for _, lines in groupby(transcript, lambda line: line.startswith("- hears"))]
    return [line for run in runs for line in (sorted(run) if run[0].startswith("- hears") else run)]
