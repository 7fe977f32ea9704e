"""The cells of the status bar: the state and response times of the database and the providers, unfinished work, due
tasks, and the reason why the window is read-only, if it is.
"""

from datetime import datetime, timedelta

from PySide6.QtCore import QObject, Slot

from console.domain.access.read_only import EVERYTHING_SCOPE, RIGHTS_STOPPED_BY_SWITCH
from console.domain.alerts.provider_slowness import SLOW_RESPONSE_SECONDS
from console.views.presenters.credit_checks import format_clock_time
from console.views.presenters.records import get_provider_name
from console.views.runtime.context import WindowContext
from console.views.runtime.status_values import GatewayStatus
from console.views.widgets.window.window_bars import StatusBar, StatusCellContent

OLD_ANSWER_AGE = timedelta(minutes=10)
"""Age from which on a provider's last answer is too old to show that the provider answers now."""


class StatusBarCells(QObject):
    """Shows in the status bar the connection, the unfinished work and the due tasks. The values come from
    WindowContext, and the cells are updated after each change of a value."""

    def __init__(self, context: WindowContext, bar: StatusBar) -> None:
        super().__init__(bar)
        self._context, self._bar = context, bar
        for signal in (
            context.connection_state_changed,
            context.work_counts_changed,
            context.person_changed,
            context.people_changed,
            context.services_opened,
        ):
            signal.connect(self.show_cells)
        self.show_cells()

    @Slot()
    def show_cells(self) -> None:
        gateways = [make_gateway_cell(self._context, gateway) for gateway in self._context.connection_state.gateways]
        self._bar.show_cells(
            [make_database_cell(self._context), *gateways, make_alarmbox_cell(self._context)],
            self._make_right_side_cells(),
        )

    def _make_right_side_cells(self) -> list[StatusCellContent]:
        context = self._context
        cells = [StatusCellContent(context.translate("status.notices"), link_key="notices")]
        if not context.find_missing_right_reason("read"):
            cells.append(self._make_unfinished_cell())
        if context.last_due_tasks_at is not None:
            cells.insert(
                0,
                StatusCellContent(context.translate("status.due_tasks", at=context.last_due_tasks_at), tone="muted"),
            )
        read_only_cell = self._make_read_only_cell()
        return [*cells, self._make_writing_cell() if read_only_cell is None else read_only_cell]

    def _make_unfinished_cell(self) -> StatusCellContent:
        """Return the link to the unfinished work of all people, with the number of operations without a result and of
        bulk runs. It has no number before they are read."""
        context, counts = self._context, self._context.work_counts
        name = short_name = context.translate("status.unfinished")
        if counts.read_at is not None:
            key = "status.unfinished_runs" if counts.unfinished_run_count else "status.unfinished"
            operation_count, run_count = len(counts.unfinished_operations), counts.unfinished_run_count
            name = context.translate(key, count=operation_count, runs=run_count)
        return StatusCellContent(name, link_key="unfinished", short_name=short_name)

    def _make_writing_cell(self) -> StatusCellContent:
        """Return the cell which says that actions are possible, or that the roles of the acting person have no right
        which a read-only switch could stop, so that the person can only read."""
        context = self._context
        if all(map(context.find_missing_right_reason, RIGHTS_STOPPED_BY_SWITCH)):
            return StatusCellContent(context.translate("status.role_reads_only"), "lock", "muted")
        return StatusCellContent(context.translate("status.writes_on"), "check")

    def _make_read_only_cell(self) -> StatusCellContent | None:
        """Return the cell with the reason why the window is read-only; None if it isn't. In a narrow bar the cell
        doesn't show the reason, because the page shows it in a bar of its own."""
        context, state = self._context, self._context.connection_state
        provider, switch = "", state.shown_switch
        if state.lost_since is not None:
            reason, since = context.translate("status.not_connected"), state.lost_since
        elif state.worker_away_since is not None:
            reason, since = context.translate("status.worker_away"), state.worker_away_since
        elif switch is not None:
            reason, since = switch.reason, switch.at
            provider = "" if switch.scope == EVERYTHING_SCOPE else switch.scope
        else:
            return None
        key = "status.read_only_provider" if provider else "status.read_only"
        return StatusCellContent(
            context.translate(key, scope=provider, reason=reason, since=since),
            "lock",
            "care",
            short_name=context.translate(f"{key}_since", scope=provider, since=since),
        )


def make_database_cell(context: WindowContext) -> StatusCellContent:
    """Return the status bar's cell for the database: its response time, or a text which says that the database is
    unreachable or is still being opened."""
    name, connection_state = context.translate("status.service"), context.connection_state
    if connection_state.lost_since is not None:
        return StatusCellContent(name, "offline", "bad", context.translate("status.unreachable"))
    if connection_state.database_answer_seconds is None:
        return StatusCellContent(name, "hourglass", "muted", context.translate("status.opening"))
    return _make_response_time_cell(context, name, connection_state.database_answer_seconds)


def make_alarmbox_cell(context: WindowContext) -> StatusCellContent:
    """Return the status bar's cell for AlarmBox: the response time or the time of its last answer, or the reason
    why there is none. The function sends no request."""
    name, state = context.translate("status.alarmbox"), context.connection_state
    if state.is_alarmbox_missing:
        return StatusCellContent(name, "dash", "muted", context.translate("status.not_configured"))
    if state.alarmbox_answered_at is None:
        return StatusCellContent(name, "dash", "muted", context.translate("status.not_asked"))
    if state.is_alarmbox_silent:
        time_text = format_clock_time(state.alarmbox_answered_at, context.now())
        return StatusCellContent(name, "warning", "care", context.translate("status.unreachable_since", at=time_text))
    return _make_provider_cell(context, name, state.alarmbox_answer_seconds, state.alarmbox_answered_at)


def make_gateway_cell(context: WindowContext, gateway: GatewayStatus) -> StatusCellContent:
    """Return the status bar's cell for a payment provider: the response time or the time of its last answer, or the
    reason why there is none. The function sends no request."""
    name = get_provider_name(gateway.name, context)
    if gateway.answered_at is None:
        return StatusCellContent(name, "dash", "muted", context.translate("status.not_asked"))
    if gateway.is_silent:
        return StatusCellContent(
            name,
            "warning",
            "care",
            context.translate("status.unreachable_since", at=format_clock_time(gateway.answered_at, context.now())),
        )
    return _make_provider_cell(context, name, gateway.answer_seconds, gateway.answered_at)


def _make_provider_cell(
    context: WindowContext, provider_name: str, response_seconds: float | None, answered_at: datetime
) -> StatusCellContent:
    """Return the cell of a provider that has answered at `answered_at`, after `response_seconds`: the response time,
    or the time of the answer. The latter is shown if the answer is older than OLD_ANSWER_AGE, or if
    `response_seconds` is None because the answer came to a call that this window hasn't timed.
    """
    is_old = context.now() - answered_at > OLD_ANSWER_AGE
    if response_seconds is not None and not is_old:
        return _make_response_time_cell(context, provider_name, response_seconds)
    time_text = format_clock_time(answered_at, context.now())
    answered_text = context.translate("status.answered_at", at=time_text)
    if is_old:
        return StatusCellContent(provider_name, "dash", "muted", answered_text)
    return StatusCellContent(provider_name, "check", "good", answered_text)


def _make_response_time_cell(
    context: WindowContext, provider_name: str, response_seconds: float
) -> StatusCellContent:
    duration = f"{response_seconds:.1f}"
    if response_seconds >= SLOW_RESPONSE_SECONDS:
        return StatusCellContent(provider_name, "warning", "care", context.translate("status.slow", seconds=duration))
    return StatusCellContent(provider_name, "check", "good", context.translate("status.seconds", seconds=duration))
