"""Executes a bulk run in a background thread of this window. The execution continues after its page or dialog is
closed."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from console.domain.bulk.records import BulkProgress
from console.domain.tasks.records import BulkRun
from console.views.presenters import bulk as bulk_words
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.tasks import Failure, ProgressReporter, TaskHandle

if TYPE_CHECKING:
    from console.app import Console


def execute_run_in_background(
    context: WindowContext,
    run: BulkRun,
    max_rows: int,
    on_end: Callable[[Toast], None],
    on_refused: Callable[[Failure], None],
) -> TaskHandle:
    """Execute the rows of a bulk run up to position `max_rows` in a background thread, and return the handle of this
    thread's task. If the window closes, the thread finishes only the row in progress; the remaining rows stay open.

    After the execution has ended, the GUI thread calls `on_end` with a toast about the result. If the service
    refuses the run, the GUI thread calls `on_refused` with the failure. It calls these functions even if the dialog
    is already closed.
    """

    def execute_run(
        services: "Console", request_id: str, report_progress: ProgressReporter
    ) -> tuple[BulkRun, BulkProgress]:
        executed_run = services.bulk_runs.run(
            run.id, max_rows, should_leave=lambda: report_progress.is_cancelled, request_id=request_id
        )
        return executed_run, services.bulk_runs.read_progress(run.id)

    def report_end(run_and_progress: tuple[BulkRun, BulkProgress]) -> None:
        on_end(_make_end_toast(context, *run_and_progress))

    context.own_bulk_runs.add(run.id)
    return context.run_long_acting_call(
        execute_run,
        report_end,
        on_refused,
        label=context.translate("bulk.label", name=run.name),
        attempt=("bulk run", run.id, max_rows),
        key=("bulk", run.id),
    )


def _make_end_toast(context: WindowContext, run: BulkRun, progress: BulkProgress) -> Toast:
    progress_text = bulk_words.format_run_progress(run, run.done, context)
    state_word = bulk_words.get_run_state_word(run, context)
    sentence = context.translate("bulk.ended", name=run.name, progress=progress_text, state=state_word)
    result_counts = bulk_words.format_result_counts(progress.result_counts, run.action, context)
    if not bulk_words.has_run_ended(run):
        return Toast(sentence, result_counts, icon_name="square_bang", tone="care", subject_title="")
    icon_name, tone = bulk_words.get_ended_run_icon_and_tone(run, progress.result_counts)
    return Toast(sentence, result_counts, icon_name=icon_name, tone=tone, subject_title="")
