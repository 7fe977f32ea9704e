"""The audit trail: who did what and when, newest first; verified and exported from here."""

from pathlib import Path

from PySide6.QtCore import Qt, Slot

from console import wording
from console.domain.records import AuditEntry, TimelineEntry
from console.views import record_words as words
from console.views.desk_api import Desk
from console.views.look.tokens import tokens
from console.views.pages.page import Page, PageHead
from console.views.routes import route_to
from console.views.seat import Note, Seat
from console.views.tables.book import Page as Rows
from console.views.tables.columns import Column, StateCell
from console.views.tables.page import RecordTable
from console.views.tables.paging import PagedModel
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import Surface, Words, row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.save_file import ask_where

_RESULTS = {"done": ("check", "good"), "refused": ("square_bang", "care"), "failed": ("cross", "bad")}


class AuditPage(Page):
    """Operators see their own entries, auditors all; nothing here can be changed."""

    place = "audit"
    help_key = "help.audit"
    hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("V",), "key.verify"),
        (("Ctrl+E",), "key.export"),
        (("F5",), "key.reread"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        say = seat.say
        reread = KeyButton(say("action.reread"), "F5", icon="reload", binds=False)
        reread.clicked.connect(self.read_again)
        self.head = PageHead(say("screen.audit"), say("audit_screen.sentence"), button=reread)
        self.verify = KeyButton(say("action.verify"), "V", icon="shield", binds=False)
        self.export = KeyButton(say("action.export"), "Ctrl+E", binds=False)
        self.verify.clicked.connect(self._verify)
        self.export.clicked.connect(self._choose_file)
        self.rows = PagedModel(_columns(seat), lambda entry: entry.id, seat.runner, parent=self)
        self.table = RecordTable(self.rows, say("screen.audit"))
        self.table.opened.connect(self._open)
        self.rows.arrived.connect(self._arrived_rows)
        self.rows.failed.connect(self.reading_failed)
        margin = tokens().px("spacing", "page_margin")
        tools = Surface(edge="bottom")
        whose = Words(say("audit_screen.whose"), "small", "muted")
        tools.setLayout(row(self.verify, self.export, 8, whose, None, margins=(margin, 8, margin, 8)))
        self.add(self.head)
        self.add(tools)
        self.add_bars()
        self.add(self.table, 1)
        self.add_hints()
        self.key_button(self.verify)
        self.key_button(self.export)

    def enter(self, route: object) -> None:
        if self.rows.rowCount() == 0:
            self.refresh("entered")

    def entered(self) -> None:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return False  # rows come on top; they are read when asked for

    def read(self, reason: str) -> None:
        if reason in ("arrived", "entered", "person"):
            self.hide_bar("verify")
            self.rows.read(self.seat.fetch(_newest))
        else:
            self.rows.re_read()

    @Slot()
    def _arrived_rows(self) -> None:
        self.reading_done()
        self.head.read_at.say(self.seat.say("screen.last_read", at=self.seat.now()))
        if self.table.current is None:
            self.table.go_to_first()

    @Slot(object)
    def _open(self, entry: AuditEntry) -> None:
        kind, _, id = entry.subject.partition(" ")
        if kind in ("credit-check", "payment", "order", "refund") and id.isdecimal():
            self.seat.go(route_to(kind, int(id), (), "audit"))

    # -- verifying

    @Slot()
    def _verify(self) -> None:
        self.verify.set_busy(self.seat.say("audit_screen.verifying"))
        self.seat.read(lambda desk: desk.audit.verify(), self._fits, self._does_not_fit, owner=self, key="verify")

    def _fits(self, rows: int) -> None:
        self.verify.set_on()
        words_ = self.seat.say("audit_screen.verified", rows=rows)
        self.show_bar("verify", Bar(self.seat.say("audit_screen.unbroken"), words_, tone="good", shape="shield"))

    def _does_not_fit(self, failure: Failure) -> None:
        self.verify.set_on()
        lead = self.seat.say("audit_screen.broken_lead" if failure.code == "audit_broken" else "screen.not_read")
        self.show_bar("verify", Bar(lead, self.seat.message(failure), tone="bad", shape="warning"))

    # -- exporting

    @Slot()
    def _choose_file(self) -> None:
        ask_where(self, self.seat.say("action.export"), "csv", self.export_to)

    @Slot(str)
    def export_to(self, path: str) -> None:
        """Write the entries that the person may see to a new file."""
        seat, file = self.seat, Path(path)

        def told(rows: int) -> Note:
            return Note(seat.say("audit_screen.exported", rows=rows, file=file.name))

        seat.act(
            lambda desk: desk.audit.export(file), lambda rows: seat.told.emit(told(rows)), self.reading_failed,
            owner=self, label=seat.say("action.export"), told=told,
        )  # fmt: skip


def _newest(desk: Desk, cursor: object, limit: int) -> Rows:
    before = cursor if isinstance(cursor, int) else None
    entries = desk.audit.list(limit, before)
    return Rows(entries, entries[-1].id if len(entries) == limit else None)


def _columns(seat: Seat) -> list[Column]:
    say = seat.say

    def what(entry: AuditEntry) -> str:
        line = TimelineEntry(entry.at, entry.who, entry.what, {**entry.detail, "reason": entry.reason}, entry.result)
        return wording.timeline_line(line, seat.language)

    def result(entry: AuditEntry) -> StateCell:
        shape, tone = _RESULTS.get(entry.result, ("dash", "muted"))
        return StateCell(say(f"audit_screen.result.{entry.result}"), shape, tone)  # type: ignore[arg-type]  # a tone

    def subject(entry: AuditEntry) -> str:
        kind, _, id = entry.subject.partition(" ")
        if kind == "credit-check" and id:
            return say("record.short", id=id)
        return say(f"kind.{kind}") if wording.has(f"kind.{kind}") else entry.subject

    return [
        Column("when", say("column.when"), 190, lambda entry: wording.format_instant(entry.at)[:-4], "data"),
        Column("who", say("column.who"), 96, lambda entry: words.who(entry.who, seat)),
        Column("what", say("column.what"), 320, what, stretches=True),
        Column("record", say("column.record"), 120, subject),
        Column("result", say("column.result"), 120, result, "state"),
        Column("chain", say("column.entry"), 88, lambda entry: str(entry.id), "amount"),
    ]
