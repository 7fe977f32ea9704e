"""Shows the steps that a running service call has reached, with the time of each step and the elapsed time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from console.views.runtime.context import WindowContext
from console.views.theme.theme import current_appearance
from console.views.timelines.timeline_line import TimelineLine
from console.views.timelines.timeline_list import TimelineList
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.window.dialog import DialogFrame
from console.wording.sentences import catalogue as wording

CLOSABLE_AFTER_SECONDS = 10
_ELAPSED_SHOWN_AFTER_SECONDS = 3
_CALL_STEPS_REFRESH_INTERVAL_MS = 200
_MAX_VISIBLE_CALL_STEPS = 6


@dataclass(frozen=True, slots=True)
class ReachedStep:
    """A step that a running call has reached. `code` is the part of its wording key after `progress.`; `at` is the
    instant when the call reached the step."""

    code: str
    at: datetime


class ReachedStepCollector:
    """Collects the steps of a running call. The call's background thread calls `report_step`; the GUI thread reads
    `reached_steps`."""

    def __init__(self, context: WindowContext) -> None:
        self._context = context
        self.reached_steps: list[ReachedStep] = []

    def report_step(self, code: str) -> None:
        """Store that the call has reached the step `code` (see ReachedStep) at the present time."""
        self.reached_steps.append(ReachedStep(code, self._context.now()))


class RunningCallTimer(QTimer):
    """A timer that observes the running call of a busy dialog. After 3 s it shows the elapsed time in the footer;
    after 10 s it lets the person close the dialog. The call continues in its background thread, and a toast shows its
    result."""

    def __init__(self, dialog: DialogFrame, context: WindowContext) -> None:
        super().__init__(dialog, interval=1_000)
        self._dialog, self._context = dialog, context
        self.began_at = context.monotonic()
        self.timeout.connect(self._update_dialog)
        self.start()

    @Slot()
    def _update_dialog(self) -> None:
        dialog, translate = self._dialog, self._context.translate
        seconds = int(self._context.monotonic() - self.began_at)
        if not dialog.is_busy or dialog.may_be_closed:
            self.stop_observing()
        elif seconds >= CLOSABLE_AFTER_SECONDS:
            self.stop()
            sentence = dialog.closable_text or translate("dialog.elapsed", seconds=CLOSABLE_AFTER_SECONDS)
            dialog.allow_closing(translate("action.close"), sentence)
        elif seconds >= _ELAPSED_SHOWN_AFTER_SECONDS:
            dialog.show_elapsed_text(translate("dialog.elapsed_short", seconds=seconds))

    def stop_observing(self) -> None:
        """Stop observing the call, because it has ended."""
        self.stop()
        self.deleteLater()


class CallStepList(QWidget):
    """The widget that shows the newest steps of a running call, at most _MAX_VISIBLE_CALL_STEPS, and the elapsed
    time, and updates them every 0.2 s."""

    def __init__(self, context: WindowContext, step_collector: ReachedStepCollector) -> None:
        super().__init__()
        self._context, self._step_collector = context, step_collector
        self._began_at = context.monotonic()
        self._step_count = -1
        self._step_timeline = TimelineList(context.translate("dialog.steps"), margin_px=0)
        self._step_timeline.setFixedHeight(_MAX_VISIBLE_CALL_STEPS * current_appearance().row_height() + 4)
        self.elapsed_label = TextLabel("", "small", "muted")
        self.setLayout(make_column(self._step_timeline, self.elapsed_label, gap_px=4))
        self._timer = QTimer(self, interval=_CALL_STEPS_REFRESH_INTERVAL_MS)
        self._timer.timeout.connect(self._show_steps)
        self._timer.start()
        self._show_steps()

    @property
    def elapsed_seconds(self) -> int:
        """The whole seconds since this widget was created."""
        return int(self._context.monotonic() - self._began_at)

    @Slot()
    def _show_steps(self) -> None:
        reached_steps = tuple(self._step_collector.reached_steps)
        if len(reached_steps) != self._step_count:
            self._step_count = len(reached_steps)
            self._step_timeline.show_lines(make_step_lines(self._context, reached_steps[-_MAX_VISIBLE_CALL_STEPS:]))
        if self.elapsed_seconds >= 1:
            self.elapsed_label.show_text(
                self._context.translate("dialog.elapsed_short", seconds=self.elapsed_seconds)
            )


def make_step_lines(
    context: WindowContext,
    steps: "tuple[ReachedStep, ...]",
    *,
    has_ended: bool = False,
    failed_codes: Collection[str] = (),
) -> list[TimelineLine]:
    """Return a timeline line for each step, the oldest first. A step whose code is in `failed_codes` is shown as
    failed; the last step as in progress, unless the call has ended (`has_ended`); any other step as complete."""
    lines = []
    for number, step in enumerate(steps):
        key, icon_name, tone = f"progress.{step.code}", "circle_arrow", "progress"
        if step.code in failed_codes:
            key, icon_name, tone = f"progress.failed.{step.code}", "cross", "bad"
        elif has_ended or number < len(steps) - 1:
            done_key = f"progress.done.{step.code}"  # a code without this key names a completed step already
            key, icon_name, tone = done_key if wording.has_sentence(done_key) else key, "check", "good"
        time = wording.format_instant(step.at, "clock")
        full_time = wording.format_instant(step.at)
        sentence = context.translate(key)
        lines.append(TimelineLine(time, full_time, icon_name, tone, "", sentence))  # type: ignore[arg-type]  # a tone
    return lines
