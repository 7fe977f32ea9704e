"""Runs a frozen set from this window: away from its pages and dialogs, which may be closed meanwhile."""

from collections.abc import Callable

from console.domain.worker_records import BulkRun
from console.views import bulk_words
from console.views.seat import Note, Seat
from console.views.tasks import Failure, Report, TaskHandle


def begin(
    seat: Seat, run: BulkRun, most: int, on_end: Callable[[], None], on_refused: Callable[[Failure], None]
) -> TaskHandle:
    """Do its rows up to that position. A window that closes leaves the rest to the program; it waits for nothing but
    the row under way. Both callbacks are called in the GUI thread, whatever was closed until then.
    """

    def call(report: Report) -> BulkRun:
        return seat.bound(lambda desk: desk.bulk.run(run.id, most, leave=lambda: report.cancelled))()

    def ended(done: BulkRun) -> None:
        seat.told.emit(_note(seat, done))
        on_end()

    return seat.runner.watch(
        call, ended, on_refused, lambda _: None, owner=seat, label=seat.say("bulk.label", name=run.name),
        key=("bulk", run.id), lane="long",
    )  # fmt: skip


def _note(seat: Seat, run: BulkRun) -> Note:
    words = seat.say("bulk.ended", name=run.name, done=run.done, of=run.most, state=run.state)
    if bulk_words.is_through(run):
        return Note(words)
    return Note(words, shape="square_bang", tone="care")
