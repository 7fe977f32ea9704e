"""One reconciliation: what it counted, what it rests on, what did not match, and where each difference is settled."""

from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from console import wording
from console.domain.reconcile_results import ALL, PARTS, DifferenceItem, RunState, RunView
from console.views.look.tokens import tokens
from console.views.pages import reconcile_rows
from console.views.pages.fitted_table import TRAIL, FittedTable
from console.views.pages.money_acts import MoneyActs
from console.views.pages.page import Page, PageHead, in_order
from console.views.pages.reconcile_acts import RIGHT, ReconcileActs
from console.views.pages.reconcile_foot import DifferenceFoot
from console.views.pages.reconcile_head import RunHead, may_go_on, run_bar
from console.views.pages.rights import Reasons, guarded
from console.views.routes import PaymentRoute, ReconcileRoute, ReconcileRunsRoute
from console.views.seat import Seat
from console.views.tables.paging import PagedModel
from console.views.widgets.base import Surface, column
from console.views.widgets.buttons import KeyButton
from console.views.widgets.empty import EmptyState
from console.views.widgets.flow import flowing
from console.views.widgets.tabs import Tabs


class ReconcilePage(Page):
    """The newest run, or the one that was asked for; [ and ] walk along them. Differences are settled through their
    cases, never here.
    """

    place = "reconcile"
    help_key = "help.reconcile"
    hints = (
        (("↓", "↑"), "key.move"),
        (("Enter", "O"), "key.open"),
        (("P",), "key.probe"),
        (("N",), "key.note"),
        (("[", "]"), "key.other_run"),
        (("L",), "key.runs"),
        (("S",), "key.reconcile"),
        (("Esc",), "key.back"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        say = seat.say
        self.acts, self.runs = MoneyActs(seat, self), ReconcileActs(seat, self)
        self.view: RunView | None = None
        self.route = ReconcileRoute()
        self._asked: tuple[int, str] | None = None
        self._to_rows = False
        reread = KeyButton(say("action.reread"), "F5", icon="reload", binds=False)
        reread.clicked.connect(self.read_again)
        self.head = PageHead(say("screen.reconcile"), say("reconcile.sentence"), reread)
        self._build_tools()
        self.run_head = RunHead(seat)
        self.tabs = Tabs(say("reconcile.parts"))
        for part in PARTS:
            self.tabs.add(say(f"reconcile.tab.{part}"), data=part)
        self._build_list()
        self.foot = DifferenceFoot(seat)
        self._put_together()
        self._connect()

    # -- building

    def _build_tools(self) -> None:
        say = self.seat.say
        self.begin = guarded(self.seat, KeyButton(say("reconcile.begin"), "S", binds=False), RIGHT)
        self.go_on = guarded(self.seat, KeyButton(say("reconcile.go_on"), "G", "primary", binds=False), RIGHT)
        self.list_runs = KeyButton(say("reconcile.all_runs"), "L", binds=False)
        self.older = KeyButton(say("reconcile.older"), "[", binds=False)
        self.newer = KeyButton(say("reconcile.newer"), "]", binds=False)
        margin = tokens().px("spacing", "page_margin")
        self.tools = Surface(edge="bottom")
        buttons = flowing(self.go_on, self.begin, self.list_runs, self.older, self.newer)
        reasons = Reasons(self.begin)
        self.tools.setLayout(column(buttons, reasons, gap=4, margins=(margin, 0, margin, 10)))

    def _build_list(self) -> None:
        columns = reconcile_rows.difference_columns(self.seat)
        self.rows = PagedModel(columns, reconcile_rows.key_of, self.seat.runner, parent=self)
        self.table = FittedTable(self.rows, self.seat.say("screen.reconcile"), spare=reconcile_rows.SPARE)
        self.list = QStackedWidget()
        self.nothing: QWidget = QWidget()
        self.list.addWidget(self.table)
        self.list.addWidget(self.nothing)

    def _put_together(self) -> None:
        for part in (self.head, self.tools):
            self.add(part)
        self.add_bars()
        self.add(self.run_head)
        self.tab_bar = Surface(edge="bottom")
        self.tab_bar.setLayout(column(self.tabs))
        self.add(self.tab_bar)
        self.add(self.list, 1)
        self.add(self.foot)
        self.add_hints()
        self.list.setMinimumHeight(self.table.horizontalHeader().height() + 4 * self.table.rowHeight(0) + 120)
        self._show_parts(shown=False)

    def _connect(self) -> None:
        self.tabs.currentChanged.connect(self._other_part)
        self.run_head.copied.connect(self.acts.tell_copied)
        self.table.opened.connect(self.open_current)
        self.table.current_changed.connect(self._look)
        self.rows.arrived.connect(self._arrived_rows)
        self.rows.failed.connect(self.reading_failed)
        for button, act in ((self.begin, self._begin), (self.go_on, self._go_on), (self.list_runs, self._show_runs),
                            (self.foot.open, self.open_current), (self.foot.probe, self._probe),
                            (self.foot.note, self._note),
                            (self.older, partial(self._step, -1)), (self.newer, partial(self._step, 1))):  # fmt: skip
            button.clicked.connect(act)
            self.key_button(button)
        self._order()

    def _order(self) -> None:
        in_order(
            *self.head.stops, self.go_on, self.begin, self.list_runs, self.older, self.newer, *self.run_head.stops,
            self.tabs, self.table, *self.foot.buttons,
        )  # fmt: skip

    # -- which run

    def enter(self, route: object) -> None:
        if isinstance(route, ReconcileRoute):
            other = route.run and (self.view is None or self.view.item.id != route.run)
            self.route = route
            if other:
                self._forget()
            self.refresh("entered")

    def _forget(self) -> None:
        """Another run: nothing of the one before stays."""
        self.view, self._asked = None, None
        for name in self.bar_names():
            self.hide_bar(name)
        self._show_parts(shown=False)

    def entered(self) -> None:
        """On the rows, as soon as there are some."""
        self._to_rows = not self.table.isVisible()
        (self.list_runs if self._to_rows else self.table).setFocus(Qt.FocusReason.OtherFocusReason)

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind in ("reconciliation", "payment", "refund", "alert") for kind, _ in changes)

    def read(self, reason: str) -> None:
        """The run of the route; of none the newest when somebody comes here, else the one in sight."""
        wanted = self.route.run
        if not wanted and self.view is not None and reason not in ("entered", "arrived", "person"):
            wanted = self.view.item.id
        self.seat.read(
            lambda desk: desk.reconciliation.views.run(wanted), self._take, self.reading_failed, owner=self,
            key=("reconciliation", "show", wanted),
        )  # fmt: skip

    def _take(self, view: RunView | None) -> None:
        self.reading_done()
        self.head.read_at.say(self.seat.say("screen.last_read", at=self.seat.now()))
        if view is None:
            self._show_never()
            return
        if self.route.run and view.item.id != self.route.run:
            return  # an answer for the run before
        self.view = view
        self.run_head.show_run(view)
        for number, part in enumerate(PARTS):
            self.tabs.set_count(number, wording.format_count(view.count(part)))
        self._show_parts(shown=True)
        self.hide_bar("run")
        if (bar := run_bar(view, self.seat)) is not None:
            self.show_bar("run", bar)
        self._read_rows(view)
        self._order()

    def _show_parts(self, *, shown: bool) -> None:
        """Without a run there is nothing to head, filter or walk along."""
        view = self.view
        for part in (self.run_head, self.tab_bar):
            part.setVisible(shown)
        self.go_on.setVisible(shown and may_go_on(view))
        self.newer.setVisible(view is not None and view.newer is not None)
        self.older.setVisible(view is not None and view.older is not None)

    def _show_never(self) -> None:
        """There never was a run: what this is, and how one begins."""
        self.view, self._asked = None, None
        self._show_parts(shown=False)
        self.foot.hide()
        say = self.seat.say
        self._empty(EmptyState(say("reconcile.never"), say("reconcile.never_hint"), shape="swap"))

    # -- its rows

    @property
    def part(self) -> str:
        return str(self.tabs.data(self.tabs.currentIndex()) or ALL)

    def _read_rows(self, view: RunView) -> None:
        asked = (view.item.id, self.part)
        if asked == self._asked:
            self.rows.re_read()
        else:
            self._asked = asked
            self.list.setCurrentWidget(self.table)
            self.rows.read(self.seat.fetch(reconcile_rows.read_differences(*asked)))

    @Slot(int)
    def _other_part(self, _number: int) -> None:
        if self.view is not None:
            self._read_rows(self.view)

    @Slot()
    def _arrived_rows(self) -> None:
        if self.rows.complete and self.rows.row_count == 0:
            self._show_empty()
        else:
            self.list.setCurrentWidget(self.table)
            if self.table.current is None:
                self.table.go_to_first()
            if self._to_rows and self.focusWidget() is self.list_runs:
                self.table.setFocus(Qt.FocusReason.OtherFocusReason)
            self._to_rows = False
        self._look(self.table.current)

    def _show_empty(self) -> None:
        say, view = self.seat.say, self.view
        if self.part != ALL:
            self._empty(EmptyState(say("reconcile.part_empty"), say("reconcile.part_empty_hint")))
        elif view is not None and view.item.state is not RunState.DONE:
            self._empty(EmptyState(say("reconcile.none_so_far"), shape="hourglass"))
        else:
            self._empty(EmptyState(say("reconcile.all_agree"), say("reconcile.all_agree_hint")))

    def _empty(self, shown: EmptyState) -> None:
        """What stands in the rows' place takes no focus: it stays on the page, where single keys act."""
        if self.focusWidget() is self.table:
            self._to_rows = True
            self.list_runs.setFocus(Qt.FocusReason.OtherFocusReason)
        self.list.removeWidget(self.nothing)
        self.nothing.deleteLater()
        self.nothing = shown
        self.list.addWidget(shown)
        self.list.setCurrentWidget(shown)

    # -- the current one

    @property
    def current(self) -> DifferenceItem | None:
        found = self.table.current if self.list.currentWidget() is self.table else None
        return found if isinstance(found, DifferenceItem) else None

    @Slot(object)
    def _look(self, _row: object) -> None:
        self.foot.show_item(self.current)
        self._say_position()

    def _say_position(self) -> None:
        at, total = self.table.current_row, self.view.count(self.part) if self.view else 0
        known = at >= 0 and self.current is not None
        words_ = self.seat.say("queue.position", position=at + 1, total=wording.format_count(total)) if known else ""
        self.hint_bar.count.say(words_)

    @Slot()
    def open_current(self) -> None:
        item = self.current
        if item is None or item.payment is None or self.view is None:
            return
        around = [one for one in self.table.around(TRAIL) if isinstance(one, DifferenceItem) and one.payment]
        trail = tuple(dict.fromkeys(("payment", one.payment.id) for one in around if one.payment))
        if not self.route.run:  # the way back leads to this run, also when a newer one has begun
            self.seat.replaced.emit(ReconcileRoute(self.view.item.id))
        self.seat.go(PaymentRoute(item.payment.id, trail, "reconcile"))

    @Slot()
    def _probe(self) -> None:
        item = self.current
        if item is not None and item.action == "probe" and item.payment is not None:
            self.acts.probe_case(item.payment)

    @Slot()
    def _note(self) -> None:
        item = self.current
        if item is None or item.payment is None or not self.foot.note.isEnabled():
            return
        from console.views.dialogs.note import NoteDialog

        NoteDialog(self.seat, "payment", item.payment.id, self.window()).open()

    # -- runs

    @Slot()
    def _begin(self) -> None:
        self.runs.begin(self.view.item.provider if self.view else "")

    @Slot()
    def _go_on(self) -> None:
        if self.view is not None and may_go_on(self.view):
            self.runs.go_on(self.view.item)

    @Slot()
    def _show_runs(self) -> None:
        self.seat.go(ReconcileRunsRoute())

    def _step(self, step: int) -> None:
        """The run before or after this one."""
        view = self.view
        wanted = None if view is None else view.newer if step > 0 else view.older
        if wanted is not None:
            self.seat.replaced.emit(ReconcileRoute(wanted))
