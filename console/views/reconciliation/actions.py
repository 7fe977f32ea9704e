"""Beginning a reconciliation and going on with one that was broken off, from any page."""

from datetime import date, timedelta

from PySide6.QtCore import QObject

from console.domain.dates import IST, JST
from console.domain.reconcile_results import RunItem
from console.domain.worker_records import ReconcileReport
from console.views import reconcile_words as words
from console.views.case_words import provider_word
from console.views.pages.page import Page
from console.views.seat import Note, Seat
from console.views.tasks import Failure
from console.views.widgets.bars import Bar

RIGHT = "import"
"""Who may import may reconcile."""


class ReconcileActs(QObject):
    """Belongs to one page. Pressed twice it is one run, here as at the service, which holds a lease."""

    def __init__(self, seat: Seat, page: Page) -> None:
        super().__init__(page)
        self._seat, self._page = seat, page
        self._going: set[str] = set()

    def begin(self, provider: str = "") -> None:
        """Read what there is to reconcile with, then ask for provider and days."""
        seat = self._seat
        if seat.why_not(RIGHT):
            return
        seat.read(
            lambda desk: desk.reconciliation.views.providers(),
            lambda found: self._ask(found, provider),
            self._page.reading_failed,
            owner=self,
            key=("reconciliation", "providers"),
        )

    def _ask(self, providers: tuple[str, ...], provider: str) -> None:
        from console.views.dialogs.reconcile import ReconcileDialog

        dialog = ReconcileDialog(self._seat, providers, provider, self._page.window())
        dialog.ended.connect(self._page.read_again)
        dialog.open()

    def go_on(self, item: RunItem) -> None:
        """The same provider and days: the service goes on at the row where it stopped."""
        seat, provider = self._seat, item.provider
        if provider in self._going or seat.why_not(RIGHT):
            return
        self._going.add(provider)
        lead = seat.say("reconcile.going_on", title=words.title(item, seat))
        self._page.show_bar("act", Bar(lead, seat.say("reconcile.may_leave"), tone="progress", shape="circle_arrow"))
        seat.act(
            lambda desk: desk.reconciliation.run(provider, item.from_day, item.to_day),
            lambda report: self._ended(provider, report),
            lambda failure: self._refused(provider, failure),
            owner=self,
            label=lead,
            told=lambda report: told(seat, report),
            key=("reconciliation", provider),
            asked="",
        )

    def _ended(self, provider: str, report: ReconcileReport) -> None:
        self._going.discard(provider)
        self._page.hide_bar("act")
        self._seat.told.emit(told(self._seat, report))
        self._page.refresh("asked")

    def _refused(self, provider: str, failure: Failure) -> None:
        self._going.discard(provider)
        lead = self._seat.say("act.refused")
        self._page.show_bar("act", Bar(lead, self._seat.message(failure), tone="bad", shape="square_bang"))
        self._page.refresh("asked")


def told(seat: Seat, report: ReconcileReport) -> Note:
    """What a run came to, in a line."""
    different = report.different_state + report.different_amount + report.missing_there
    over = report.ended_at is not None or report.run_id is None
    lead = seat.say(
        "reconcile.told" if over else "reconcile.told_open",
        provider=provider_word(report.provider, seat), days=words.span(report.from_day, report.to_day),
    )  # fmt: skip
    counts = seat.say("reconcile.counted", n=_compared(report), differ=different, imported=report.imported)
    quiet = different == 0 and report.refused == 0
    return Note(lead, counts, "check" if quiet else "not_equal", "good" if quiet else "care")


def _compared(report: ReconcileReport) -> int:
    return (
        report.matched + report.imported + report.missing_there + report.different_state + report.different_amount
    )  # fmt: skip


def yesterday(seat: Seat, provider: str) -> date:
    """The last day that is over where the provider counts its days."""
    zone = IST if provider == "atom" else JST
    return seat.now().astimezone(zone).date() - timedelta(days=1)
