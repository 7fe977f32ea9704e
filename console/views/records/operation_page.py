"""One operation of the journal: what began, how it ended, and, where only this desk knows it, how to settle it."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.results import OperationView
from console.views import record_words as words
from console.views.look.tokens import tokens
from console.views.pages.acts import Acts
from console.views.pages.page import Page
from console.views.pages.record_facts import moment
from console.views.pages.rights import Reasons, guarded
from console.views.routes import OperationRoute, route_to
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.badge import Badge
from console.views.widgets.bars import Bar
from console.views.widgets.base import Surface, Words, column, row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.copyable import CopyableId
from console.views.widgets.record import FactForm, FactList
from console.views.widgets.timeline import TimelineList

_LOOKS = {
    "calling": ("half_disc", "progress"), "unknown": ("question", "unknown"), "done": ("disc", "good"),
    "failed": ("cross", "bad"),
}  # fmt: skip


class OperationPage(Page):
    """The same order of parts as a record's page."""

    place = "queues"
    help_key = "help.operation"
    hints = ((("P",), "key.probe"), (("E",), "key.resolve"), (("Esc",), "key.back"))

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        say = seat.say
        self.acts = Acts(seat, self)
        self.route = OperationRoute("")
        self.view: OperationView | None = None
        self.title = Words(say("operation_screen.title"), "title")
        self.id = CopyableId("", "", say("operation_screen.id"), copy_word=say("action.copy"))
        self.id.copied.connect(self.acts.tell_copied)
        self.badges = row(gap=8)
        labels = tuple(say(f"record.label.{name}") for name in ("verdict", "why", "next", "you_can"))
        self.form = FactForm(labels)  # type: ignore[arg-type]  # four of them
        self.facts = Surface(edge="bottom")
        self.timeline = TimelineList(say("record.tab.timeline"))
        self._build()
        self.key("P", self._probe)
        self.key("E", self._resolve)

    def _build(self) -> None:
        say, margin = self.seat.say, tokens().px("spacing", "page_margin")
        head = Surface(edge="bottom")
        box = row(self.title, self.id, None, gap=8, margins=(margin, 10, margin, 10))
        box.addLayout(self.badges)
        head.setLayout(box)
        title = row(Words(say("record.tab.timeline"), "panel_title", "muted"), margins=(margin, 12, margin, 4))
        self.add(head)
        self.add_bars()
        self.add(self.form)
        self.add(self.facts)
        self.add(title)
        self.add(self.timeline, 1)
        self.add_hints()

    def enter(self, route: object) -> None:
        if isinstance(route, OperationRoute):
            self.route = route
            self.refresh("entered")

    def entered(self) -> None:
        self.timeline.setFocus(Qt.FocusReason.OtherFocusReason)

    def read(self, reason: str) -> None:
        wanted = self.route.id
        self.seat.read(
            lambda desk: desk.recovery.show("operation", wanted),
            lambda view: self._take(wanted, view),
            self._refused,
            owner=self,
        )

    def _refused(self, failure: Failure) -> None:
        self.reading_failed(failure)

    def _take(self, wanted: str, view: object) -> None:
        if wanted != self.route.id or not isinstance(view, OperationView):
            return
        self.view = view
        self.reading_done()
        operation, seat = view.record, self.seat
        self.id.show_id(wording.short_id(operation.id), operation.id)
        self._show_badges(view)
        shape, tone = words.verdict_look(view.explanation)
        self.form.show_facts(*words.explained(view.explanation, seat), shape=shape, tone=tone)
        self.form.set_actions(*self._buttons(view))
        self._show_facts(view)
        self.timeline.show_happenings([words.happening(entry, seat) for entry in reversed(view.timeline)])
        if operation.source == "desk":
            lead, text = seat.say("record.blocked"), seat.say("record.blocked_until")
            self.show_bar("blocked", Bar(lead, text, tone="unknown", shape="lock"))

    def _show_badges(self, view: OperationView) -> None:
        while item := self.badges.takeAt(0):
            if widget := item.widget():
                widget.deleteLater()
        state = view.record.state.value
        shape, tone = _LOOKS[state]
        self.badges.addWidget(Badge(self.seat.say(f"state.operation.{state}"), shape, tone))  # type: ignore[arg-type]  # a tone

    def _show_facts(self, view: OperationView) -> None:
        operation, say = view.record, self.seat.say
        facts = FactList(
            [
                (say("column.what"), say(f"operation.{operation.action}")),
                (say("field.corporation_number"), wording.format_number(operation.corporation_number or "")),
                (say("field.client"), operation.client_id or wording.NOTHING),
                (say("column.who"), words.who(operation.operator, self.seat)),
                (say("column.since"), moment(operation.started_at, self.seat)),
            ]
        )
        holder = Surface(edge="bottom")
        holder.setLayout(column(facts, margins=(24, 12, 24, 12)))
        self._whole.replaceWidget(self.facts, holder)
        self.facts.deleteLater()
        self.facts = holder

    def _buttons(self, view: OperationView) -> list[QWidget]:
        say = self.seat.say
        if view.record.source != "desk":
            button = KeyButton(say("action.open_record"), kind="primary")
            button.clicked.connect(self._open_record)
            return [button]
        resolve = KeyButton(say("action.resolve"), "E", "primary", binds=False)
        resolve.clicked.connect(self._resolve)
        probe = KeyButton(say("action.probe"), "P", binds=False)
        probe.clicked.connect(self._probe)
        both = guarded(self.seat, resolve, "resolve"), guarded(self.seat, probe, "probe")
        return [*both, Reasons(*both)]

    @Slot()
    def _open_record(self) -> None:
        if self.view is not None and self.view.record.subject_id is not None:
            self.seat.go(route_to(self.view.record.subject_kind, self.view.record.subject_id, (), "queues"))

    @Slot()
    def _probe(self) -> None:
        if self.view is not None:
            self.acts.probe_any("operation", self.view.record.id)

    @Slot()
    def _resolve(self) -> None:
        if self.view is not None and self.view.record.source == "desk":
            self.acts.resolve_operation(self.view.record)
