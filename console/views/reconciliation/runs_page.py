"""All reconciliations, newest first: how each stands and what it counted."""

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QStackedWidget

from console.domain.reconcile_results import RunItem
from console.views.case_words import provider_word
from console.views.look.tokens import tokens
from console.views.pages import reconcile_rows
from console.views.pages.fitted_table import FittedTable
from console.views.pages.page import Page, PageHead, in_order
from console.views.pages.reconcile_acts import RIGHT, ReconcileActs
from console.views.pages.rights import guarded
from console.views.routes import ReconcileRoute
from console.views.seat import Seat
from console.views.tables.paging import PagedModel
from console.views.widgets.base import Sign, Surface, Words, row
from console.views.widgets.buttons import KeyButton, ReasonLabel
from console.views.widgets.empty import EmptyState
from console.views.widgets.inputs import FilterChip


class ReconcileRunsPage(Page):
    """Enter shows what a run found."""

    place = "reconcile"
    help_key = "help.reconcile"
    hints = (
        (("↓", "↑"), "key.move"),
        (("Enter",), "key.open"),
        (("S",), "key.reconcile"),
        (("Ctrl+F",), "key.filter"),
        (("Esc",), "key.back"),
    )

    def __init__(self, seat: Seat) -> None:
        super().__init__(seat)
        say = seat.say
        self.acts = ReconcileActs(seat, self)
        reread = KeyButton(say("action.reread"), "F5", icon="reload", binds=False)
        reread.clicked.connect(self.read_again)
        self.head = PageHead(say("screen.reconcile_runs"), say("reconcile.runs_sentence"), reread)
        self.provider = FilterChip(say("column.provider"))
        self.provider.addItem(say("reconcile.every_provider"))
        self._names: tuple[str, ...] = ()
        self.begin = guarded(seat, KeyButton(say("reconcile.begin"), "S", binds=False), RIGHT)
        self.rows = PagedModel(
            reconcile_rows.run_columns(seat), reconcile_rows.key_of, seat.runner, parent=self
        )  # fmt: skip
        self.table = FittedTable(self.rows, say("screen.reconcile_runs"), spare=reconcile_rows.SPARE_OF_RUNS)
        self.nothing = EmptyState(say("reconcile.never"), say("reconcile.never_hint"), shape="swap")
        self.list = QStackedWidget()
        self.list.addWidget(self.table)
        self.list.addWidget(self.nothing)
        self._build()
        self._connect()

    def _build(self) -> None:
        margin = tokens().px("spacing", "page_margin")
        line = Surface(edge="bottom")
        label = Words(self.seat.say("column.provider"), "body", "muted")
        label.setBuddy(self.provider)
        parts = (Sign("filter", "muted"), label, self.provider, 16, self.begin, ReasonLabel(self.begin), None)
        line.setLayout(row(*parts, gap=8, margins=(margin, 8, margin, 8)))
        self.add(self.head)
        self.add(line)
        self.add_bars()
        self.add(self.list, 1)
        self.add_hints()

    def _connect(self) -> None:
        self.table.opened.connect(self._open)
        self.rows.arrived.connect(self._arrived_rows)
        self.rows.failed.connect(self.reading_failed)
        self.begin.clicked.connect(self._begin)
        self.key_button(self.begin)
        self.key("Ctrl+F", self._to_filter)
        self.provider.currentIndexChanged.connect(self._ask)
        in_order(*self.head.stops, self.provider, self.begin, self.table)

    def enter(self, route: object) -> None:
        self.refresh("entered")

    def entered(self) -> None:
        self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def concerned(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind == "reconciliation" for kind, _ in changes)

    def read(self, reason: str) -> None:
        if not self._names:
            self.seat.read(
                lambda desk: desk.reconciliation.views.providers(), self._offer, self.reading_failed, owner=self,
                key=("reconciliation", "providers"),
            )  # fmt: skip
        if reason in ("arrived", "person") or self.rows.rowCount() == 0:
            self._ask()
        else:
            self.rows.re_read()

    def _offer(self, names: tuple[str, ...]) -> None:
        if not self._names:
            self._names = names
            for name in names:
                self.provider.addItem(provider_word(name, self.seat))

    @property
    def chosen(self) -> str | None:
        at = self.provider.currentIndex()
        return self._names[at - 1] if 0 < at <= len(self._names) else None

    @Slot()
    def _ask(self) -> None:
        """Another question: the list from its beginning."""
        if self.seat.ready:
            self.provider.updateGeometry()
            self.rows.read(self.seat.fetch(reconcile_rows.read_runs(self.chosen)))

    @Slot()
    def _arrived_rows(self) -> None:
        self.reading_done()
        self.head.read_at.say(self.seat.say("screen.last_read", at=self.seat.now()))
        empty = self.rows.complete and self.rows.row_count == 0
        self.list.setCurrentWidget(self.nothing if empty else self.table)
        if not empty and self.table.current is None:
            self.table.go_to_first()

    @Slot(object)
    def _open(self, item: object) -> None:
        if isinstance(item, RunItem):
            self.seat.go(ReconcileRoute(item.id))

    @Slot()
    def _to_filter(self) -> None:
        self.provider.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def _begin(self) -> None:
        current = self.table.current
        self.acts.begin(self.chosen or (current.provider if isinstance(current, RunItem) else ""))
