"""The cells of the status bar: the state and response times of the database and the providers, unfinished work, due
tasks, and the reason why the window is read-only, if it is.
"""

from datetime import datetime, timedelta

from PySide6.QtCore import QObject, Slot

from console.domain.access.read_only import EVERYTHING_SCOPE
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
            context.services_opened,
        ):
            signal.connect(self.show_cells)
        self.show_cells()

    @Slot()
    def show_cells(self) -> None:
        gateways = [make_gateway_cell(self._context, gateway) for gateway in self._context.connection_state.gateways]
        self._bar.show_cells(
            [make_database_cell(self._context), *gateways, make_alarmbox_cell(self._context)],
            self._make_right_cells(),
        )

    def _make_right_cells(self) -> list[StatusCellContent]:
        context = self._context
        unfinished_text = context.translate("status.unfinished", count=context.work_counts.unfinished_count)
        cells = [
            StatusCellContent(context.translate("status.notices"), key="notices"),
            StatusCellContent(unfinished_text, key="unfinished"),
        ]
        if context.last_due_tasks_at is not None:
            cells.insert(
                0,
                StatusCellContent(context.translate("status.due_tasks", at=context.last_due_tasks_at), tone="muted"),
            )
        lost_since = context.connection_state.lost_since
        if lost_since is not None:
            read_only_text = context.translate(
                "status.read_only", reason=context.translate("status.not_connected"), since=lost_since
            )
            return [*cells, StatusCellContent(read_only_text, "lock", "care")]
        away_since = context.connection_state.worker_away_since
        if away_since is not None:
            read_only_text = context.translate(
                "status.read_only", reason=context.translate("status.worker_away"), since=away_since
            )
            return [*cells, StatusCellContent(read_only_text, "lock", "care")]
        switch = context.connection_state.shown_switch
        if switch is not None:
            key = "status.read_only" if switch.scope == EVERYTHING_SCOPE else "status.read_only_provider"
            read_only_text = context.translate(key, scope=switch.scope, reason=switch.reason, since=switch.at)
            return [*cells, StatusCellContent(read_only_text, "lock", "care")]
        return [*cells, StatusCellContent(context.translate("status.writes_on"), "check")]


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
    """Return the status bar's cell for AlarmBox: the response time of its last answer to this window, or the
    reason why there is none. The function sends no request."""
    name, reach = context.translate("status.alarmbox"), context.connection_state
    if reach.is_alarmbox_missing:
        return StatusCellContent(name, "dash", "muted", context.translate("status.not_configured"))
    if reach.alarmbox_answer_seconds is None:
        return StatusCellContent(name, "dash", "muted", context.translate("status.not_asked"))
    if reach.is_alarmbox_silent:
        time_text = format_clock_time(reach.alarmbox_answered_at, context.now())
        return StatusCellContent(name, "warning", "care", context.translate("status.unreachable_since", at=time_text))
    return _make_provider_cell(context, name, reach.alarmbox_answer_seconds, reach.alarmbox_answered_at)


def make_gateway_cell(context: WindowContext, gateway: GatewayStatus) -> StatusCellContent:
    """Return the status bar's cell for a payment provider: the response time of its last answer to this window, or
    the reason why there is none. The function sends no request."""
    name = get_provider_name(gateway.name, context)
    if gateway.answer_seconds is None:
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
    context: WindowContext, provider_name: str, response_seconds: float, answered_at: datetime | None
) -> StatusCellContent:
    """Return the cell of a provider that answered its last call after `response_seconds`: the response time or, if
    the answer is older than OLD_ANSWER_AGE, the time of the answer. `answered_at` is None if the time isn't known.
    """
    if answered_at is not None and context.now() - answered_at > OLD_ANSWER_AGE:
        time_text = format_clock_time(answered_at, context.now())
        return StatusCellContent(
            provider_name, "dash", "muted", context.translate("status.answered_at", at=time_text)
        )
    return _make_response_time_cell(context, provider_name, response_seconds)


def _make_response_time_cell(
    context: WindowContext, provider_name: str, response_seconds: float
) -> StatusCellContent:
    duration = f"{response_seconds:.1f}"
    if response_seconds >= SLOW_RESPONSE_SECONDS:
        return StatusCellContent(provider_name, "warning", "care", context.translate("status.slow", seconds=duration))
    return StatusCellContent(provider_name, "check", "good", context.translate("status.seconds", seconds=duration))
