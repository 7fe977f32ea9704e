"""Columns and rows of three tabs of the administration page: the checks of this installation (the command `doctor`
runs the same checks), the worker's due tasks with their schedules, and the reason codes of refunds. These tabs show
data and have no buttons.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.refund_reasons import RefundReason
from console.domain.service_results import HealthCheck
from console.domain.tasks.intervals import is_task_overdue, is_task_running
from console.domain.tasks.records import ScheduledTask
from console.views.presenters.columns import measure_column_width
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column, StateCell
from console.views.theme.design_tokens import Tone
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console


@dataclass(frozen=True, slots=True)
class DueTaskRow:
    """A row of the tab "tasks": a due task of the worker, with its last and next run. `is_overdue` is True if an
    alert about the task is due: its run is late or hangs, or several runs in a row have failed."""

    task: ScheduledTask
    is_overdue: bool

    @property
    def state(self) -> str:
        """The state of the task, which decides its icon: overdue, failed, running or waiting."""
        if self.is_overdue:
            return "overdue"
        if is_task_running(self.task):
            return "running"
        return "failed" if self.task.error_code else "waiting"


_ICON_AND_TONE_BY_TASK_STATE: Mapping[str, tuple[str, Tone]] = {
    "overdue": ("square_bang", "bad"),
    "failed": ("square_bang", "care"),
    "running": ("circle_arrow", "progress"),
    "waiting": ("check", "good"),
}


def read_due_task_rows(services: "Console", now: datetime) -> tuple[DueTaskRow, ...] | None:
    """Read the due tasks that have run at least once, and return one row for each task. The rows are sorted by state
    (overdue, failed, running, waiting), then by name. Return None if the database doesn't let this person read tasks:
    on a server, an administrator without another role can read neither records nor tasks."""
    time_scale = services.scheduler.scale
    try:
        tasks = services.scheduler.read_task_states()
    except ConsoleError as refusal:
        if refusal.code != ErrorCode.NOT_ALLOWED:
            raise
        return None
    rows = [DueTaskRow(task, is_task_overdue(task, now, time_scale)) for task in tasks]
    return tuple(sorted(rows, key=lambda row: (list(_ICON_AND_TONE_BY_TASK_STATE).index(row.state), row.task.name)))


def sort_health_checks(checks: Iterable[HealthCheck]) -> tuple[HealthCheck, ...]:
    """Return the checks with the problems first, then those that need attention. Checks with the same result keep
    their order."""
    return tuple(sorted(checks, key=lambda check: (check.ok, not check.next)))


def make_health_check_columns(context: WindowContext) -> list[Column]:
    """Return the columns of the tab with the checks of the installation: state, result, and the next step of a
    check that needs one."""
    translate = context.translate

    def make_result_cell(check: HealthCheck) -> StateCell:
        if not check.ok:
            return StateCell(translate("admin.check.bad"), "square_bang", "bad")
        if check.next:
            return StateCell(translate("admin.check.look"), "square_bang", "care")
        return StateCell(translate("admin.check.good"), "check", "good")

    return [
        Column("state", translate("column.state"), 130, make_result_cell, "state"),
        Column("check", translate("admin.column.check"), 320,
               lambda check: translate(check.message, **check.facts), is_stretched=True),
        Column("next", translate("admin.column.next_step"), 320,
               lambda check: translate(check.next, **check.facts) if check.next else "", is_stretched=True),
    ]  # fmt: skip


def make_due_task_columns(context: WindowContext) -> list[Column]:
    """Return the columns of the tab with the worker's tasks: name, state, interval, the last and the next run,
    and the last error. The times have seconds, because many tasks run every few seconds."""
    translate, time_width = context.translate, measure_column_width("2026-11-20 15:04:05 JST", 20)

    def make_state_cell(row: DueTaskRow) -> StateCell:
        icon_name, tone = _ICON_AND_TONE_BY_TASK_STATE[row.state]
        return StateCell(translate(f"admin.task.{row.state}"), icon_name, tone)

    def make_last_run_cell(row: DueTaskRow) -> str:
        return wording.format_instant(row.task.ended_at) if row.task.ended_at is not None else ""

    return [
        Column(
            "task",
            translate("admin.column.task"),
            260,
            lambda row: wording.capitalize_first_letter(translate(f"task.{row.task.name}")),
        ),
        Column("state", translate("column.state"), 130, make_state_cell, "state"),
        Column("every", translate("admin.column.every"), 110,
               lambda row: wording.format_duration(row.task.interval, context.language), "amount"),
        Column("last", translate("admin.column.last_run"), time_width, make_last_run_cell, "data"),
        Column("next", translate("admin.column.next_run"), time_width,
               lambda row: wording.format_instant(row.task.next_at), "data"),
        Column("error", translate("admin.column.last_error"), 200,
               lambda row: _format_last_error(row, context), is_stretched=True),
    ]  # fmt: skip


def _format_last_error(row: DueTaskRow, context: WindowContext) -> str:
    """Return the error of the task's last run as a sentence; "" if that run succeeded."""
    return wording.format_error_event(row.task.error_code, context.language) if row.task.error_code else ""


def format_row_detail(row: object, context: WindowContext) -> str:
    """Return the full text of a row, which the page shows below the table, because the cells of the table may be cut
    off. For a check, this text is the result and the next step. For a due task, it is the sentence about the last
    error, the error code and the number of failures. Return "" for a task without an error and for any other row."""
    translate = context.translate
    if isinstance(row, HealthCheck):
        next_step = translate(row.next, **row.facts) if row.next else ""
        return "\n".join(filter(None, (translate(row.message, **row.facts), next_step)))
    if isinstance(row, DueTaskRow) and row.task.error_code:
        error_sentence = _format_last_error(row, context)
        return translate(
            "admin.task.error_detail", event=error_sentence, code=row.task.error_code, count=row.task.failures
        )
    return ""


def make_refund_reason_columns(context: WindowContext) -> list[Column]:
    """Return the columns of the tab with the reason codes of refunds: the name of a reason on the screens, and its
    code in exports and commands."""
    translate = context.translate
    return [
        Column("word", translate("admin.column.reason"), 320, lambda reason: translate(f"refund_reason.{reason}")),
        Column("code", translate("admin.column.code"), 240, lambda reason: reason.value, "data", is_stretched=True),
    ]  # fmt: skip


ALL_REFUND_REASONS: tuple[RefundReason, ...] = tuple(RefundReason)
