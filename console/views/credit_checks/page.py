"""One credit check: its state on three axes, both sides, why and next, what it consists of, its past, what to do."""

from functools import partial

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console import wording
from console.domain.records import CreditCheck
from console.domain.results import CreditCheckView
from console.views import record_words as words
from console.views.look.tokens import tokens
from console.views.pages import beside_acts
from console.views.pages import record_facts as facts
from console.views.pages.acts import Acts
from console.views.pages.evidence_acts import HINTS, EvidenceActs
from console.views.pages.page import Page, in_order
from console.views.pages.record_actions import RecordActions
from console.views.pages.record_head import RecordHead
from console.views.pages.record_tabs import RecordTabs
from console.views.routes import LookupRoute, PdfRoute, RecordRoute, stepped
from console.views.seat import Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar
from console.views.widgets.base import column
from console.views.widgets.buttons import KeyButton, LinkButton, PaintedButton, ReasonLabel
from console.views.widgets.copyable import CopyableId
from console.views.widgets.record import DocumentStrip, FactForm, Strip

KIND = "credit-check"


class RecordPage(Page):
    """The order of its parts never changes, also for a healthy record."""

    place = "lookup"
    help_key = "help.record"
    hints = (
        (("[", "]"), "key.previous_next"),
        (("P",), "key.probe"),
        (("F",), "key.refetch"),
        (("E",), "key.resolve"),
        (("B",), "key.renew"),
        (("O",), "key.open_pdf"),
        (("Ctrl+C",), "key.copy"),
        (("Ctrl+Shift+C",), "key.copy_summary"),
        *beside_acts.HINTS,
        *HINTS,
        (("Esc",), "key.back"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        self.route = RecordRoute(0)
        self.view: CreditCheckView | None = None
        self.acts = Acts(seat, self)
        self.evidence = EvidenceActs(seat, self.acts, self._act_by_key)
        self.beside = beside_acts.BesideActs(seat, self.acts, self._act_by_key)
        self.head = RecordHead(seat)
        self.strip = Strip((), seat.say("record.sides"))
        say = seat.say
        labels = tuple(say(f"record.label.{name}") for name in ("verdict", "why", "next", "you_can"))
        self.form = FactForm(labels)  # type: ignore[arg-type]  # four of them
        self.tabs = RecordTabs(seat)
        self.verbs = RecordActions(seat)
        self._build()
        self._connect()

    def _build(self) -> None:
        self.pdf_button = KeyButton(self.seat.say("action.open_pdf"), "O", icon="document", binds=False)
        tail = QWidget()
        tail.setLayout(column(self.pdf_button, ReasonLabel(self.pdf_button), gap=4))
        self.documents = DocumentStrip((), self.seat.say("record.document_strip"), tail)
        margin = tokens().px("spacing", "page_margin")
        self.add(self.head)
        self.add(self.strip)
        self.add_bars()
        self.add(self.form)
        self.add(column(self.documents, margins=(margin, 4, margin, 12)))
        self.add(self.tabs, 1)
        self.add(self.verbs.bar)

    def _connect(self) -> None:
        self.head.stepped.connect(self._step)
        self.head.copied.connect(self.acts.tell_copied)
        self.head.company_wanted.connect(self._open_company)
        self.pdf_button.clicked.connect(self._open_pdf)
        self.tabs.pdf_wanted.connect(self._open_copy)
        self.tabs.record_wanted.connect(self._open_record)
        self.verbs.wanted.connect(self._act)
        for key, name in (("P", "probe"), ("F", "refetch"), ("E", "resolve"), ("B", "renew"), ("O", "open_pdf")):
            self.key(key, partial(self._act_by_key, name))
        self.key("[", partial(self._step, -1))
        self.key("]", partial(self._step, 1))
        self.seat.reach_changed.connect(self._reach_changed)
        self.key("Ctrl+C", self._copy_number)
        self.key("Ctrl+Shift+C", self._copy_summary)

    # -- reading

    def enter(self, route: object) -> None:
        if not isinstance(route, RecordRoute):
            return
        other = route.id != self.route.id
        self.route, self.place = route, route.place
        if other:
            self.view = None
            for name in self.bar_names():
                self.hide_bar(name)
            self.head.show_reading(self.seat.say("record.title", id=route.id), str(route.id))
        self.head.show_place(route)
        self.refresh("entered")

    def entered(self) -> None:
        self.tabs.focus_content()

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return (KIND, self.route.id) in changes

    def read(self, reason: str) -> None:
        wanted = self.route.id
        self.seat.read(
            lambda desk: desk.recovery.show(KIND, wanted),
            lambda view: self._take(wanted, view),
            lambda failure: self._refused(wanted, failure),
            owner=self,
            key=("show", wanted),
        )

    def _take(self, wanted: int, view: object) -> None:
        if wanted != self.route.id or not isinstance(view, CreditCheckView):
            return
        before = self.view
        if before is not None and before.record.version > view.record.version:
            return  # two answers for one record: the newer version wins, whatever order they arrive in
        self.reading_done()
        if before is None:
            self.seat.visited(view.record)
        elif before.record.version != view.record.version:
            self._tell_change(before.record, view)
        self._show(view)

    def _refused(self, wanted: int, failure: Failure) -> None:
        if wanted == self.route.id:
            self.reading_failed(failure)

    # -- showing

    def _show(self, view: CreditCheckView) -> None:
        self.view = view
        seat = self.seat
        self.head.show_view(view)
        self.strip.show_sides(facts.sides(view, seat))
        self._add_side_tools()
        shape, tone = words.verdict_look(view.explanation)
        self.form.show_facts(*words.explained(view.explanation, seat), shape=shape, tone=tone)
        self.documents.show_parts(facts.documents(view, seat))
        self.tabs.show_view(view)
        self.verbs.show_view(view, self.form)
        self._show_pdf_button(view)
        self._show_holder(view)
        self.beside.show_taken(view.taken)
        self._order()

    def _order(self) -> None:
        """Tab goes from the title over the strips and tabs to the content and the actions."""
        in_order(
            *self.head.stops,
            *self.strip.panels[1].findChildren(PaintedButton),
            *self.form.findChildren(KeyButton),
            self.pdf_button,
            *self.tabs.stops,
            *self.verbs.bar.findChildren(KeyButton),
        )

    def _add_side_tools(self) -> None:
        """On the provider's side: its number to copy, and the way to its answers. Made once, then kept true."""
        if not hasattr(self, "_provider_id"):
            say = self.seat.say
            name, copy = say("field.provider_id"), say("action.copy")
            self._provider_id = CopyableId("", "", name, copy_word=copy, role="small", tone="muted")
            self._provider_id.copied.connect(self.acts.tell_copied)
            raw = LinkButton(say("action.open_raw"), chevron=True, role="small")
            raw.clicked.connect(self._show_answers)
            for tool in (self._provider_id, raw):
                self.strip.panels[1].add_tool(tool)
        number = self.view.record.credit_check_id if self.view else None
        self._provider_id.setVisible(number is not None)
        self._provider_id.show_id(self.seat.say("record.side.number", credit_check_id=number), str(number or ""))

    def _show_pdf_button(self, view: CreditCheckView) -> None:
        if view.record.pdf_file_path:
            self.pdf_button.set_on()
        else:
            self.pdf_button.set_off(self.seat.say("record.document.nothing_stored"))

    @Slot()
    def _reach_changed(self) -> None:
        """The database went away or came back: what acts goes off and on with it."""
        if self.view is not None:
            self.verbs.show_view(self.view, self.form)

    def _show_holder(self, view: CreditCheckView) -> None:
        holder = view.holder
        if holder is None:
            self.hide_bar("holder")
        elif "holder" not in self.bar_names():
            told = self.seat.say("record.working", holder=holder, since=holder.since)
            self.show_bar("holder", Bar(self.seat.say("record.working_lead"), told, tone="progress", shape="person"))

    def _tell_change(self, before: CreditCheck, view: CreditCheckView) -> None:
        """Somebody else changed it: who and what, and the difference on demand."""
        last = next((entry for entry in reversed(view.timeline) if not words.is_opening(entry)), None)
        if last is None or last.who == self.seat.operator:
            return
        fields = self.seat.say("record.changed_fields", fields=list(facts.changed_fields(before, view.record)))
        text = self.seat.say("record.changed_by", who=words.who(last.who, self.seat), at=last.at, fields=fields)
        self._difference = facts.difference(before, view.record, self.seat)
        button = KeyButton(self.seat.say("action.show_difference"), kind="inline")
        button.clicked.connect(self._show_difference)
        lead = self.seat.say("record.changed_lead")
        self.show_bar("changed", Bar(lead, text, tone="care", shape="person", button=button))

    @Slot()
    def _show_difference(self) -> None:
        lead = self.seat.say("record.changed_lead")
        close = KeyButton(self.seat.say("action.close"), kind="inline")
        close.clicked.connect(self._hide_changed)
        text = self._difference or self.seat.say("record.changed_nothing")
        self.show_bar("changed", Bar(lead, text, tone="care", shape="person", button=close))
        close.setFocus()

    @Slot()
    def _hide_changed(self) -> None:
        self.hide_bar("changed")
        self.tabs.focus_content()

    # -- going

    def _step(self, step: int) -> None:
        """The previous or next record of the list that this one came from."""
        route = stepped(self.route, step)
        if route is not None:
            self.seat.replaced.emit(route)

    @Slot()
    def _open_pdf(self) -> None:
        self.seat.go(PdfRoute(self.route.id))

    @Slot(str)
    def _open_copy(self, sha256: str) -> None:
        self.seat.go(PdfRoute(self.route.id, sha256))

    @Slot(int)
    def _open_record(self, id: int) -> None:
        self.seat.go(RecordRoute(id, (), self.route.place))

    @Slot()
    def _open_company(self) -> None:
        if self.view is not None:
            self.seat.go(LookupRoute(wording.format_number(self.view.record.corporation_number)))

    @Slot()
    def _show_answers(self) -> None:
        self.tabs.show_tab("evidence")
        self.tabs.focus_content()

    # -- acting

    def _act_by_key(self, name: str) -> None:
        """A key does what its button would: nothing while that is off."""
        button = self.pdf_button if name == "open_pdf" else self.verbs.button(name)
        if button is not None and button.isEnabled() and button.isVisibleTo(self):
            self._act(name)

    @Slot(str)
    def _act(self, name: str) -> None:
        if self.view is None:
            return
        record = self.view.record
        if self.evidence.act(name, KIND, record.id) or self.beside.act(name, KIND, record.id):
            return
        match name:
            case "probe":
                self.acts.probe(record)
            case "refetch":
                self.acts.refetch(record)
            case "resolve":
                self.acts.resolve(record, self.verbs.proposer(self.view))
            case "renew" | "purchase":
                self.acts.purchase(record.corporation_number, record.client_id)
            case "open_pdf":
                self._open_pdf()
            case "successor":
                self._open_record(record.superseded_by or record.duplicate_of or record.id)

    @Slot()
    def _copy_number(self) -> None:
        if self.view is not None:
            self.acts.copy_number(self.view.record)

    @Slot()
    def _copy_summary(self) -> None:
        if self.view is not None:
            self.acts.copy_summary(self.view.record)
