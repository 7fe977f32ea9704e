"""The contents that the purchase dialog shows after the call: for a purchase, for a refusal, and for an unknown
outcome."""

from collections.abc import Collection

from PySide6.QtWidgets import QWidget

from console.domain.errors import EXIT_STATUS
from console.domain.records import CreditCheck, Operation
from console.domain.service_results import PurchasePlan
from console.views.pages.call_steps import ReachedStepCollector, make_step_lines
from console.views.pages.dialog_badges import make_badge_row
from console.views.presenters import credit_checks as words
from console.views.runtime.context import WindowContext
from console.views.runtime.tasks import Failure
from console.views.timelines.timeline_line import TimelineLine
from console.views.timelines.timeline_list import TimelineList
from console.views.widgets.base import Surface, TextLabel, make_column
from console.views.widgets.display.record_parts import FactList
from console.views.widgets.window.notification_bars import NotificationBar, make_failure_bar
from console.wording.sentences import catalogue as wording


def make_purchase_content(context: WindowContext, record: CreditCheck, steps: ReachedStepCollector) -> QWidget:
    """Return the content of the dialog after a purchase: the stored parts and, if parts are missing, the time at
    which the worker fetches them again. Missing parts are not shown as an error. `steps` has the steps that the call
    has reached, which the content lists."""
    if record.incomplete:
        text = context.translate(
            "dialog.purchase.bought_incomplete", record=record.id, missing=record.incomplete, at=record.work.at
        )
        bar = NotificationBar("", text, tone="care", icon_name="open_ring_plus")
    else:
        text = context.translate("dialog.purchase.bought", record=record.id)
        bar = NotificationBar("", text, tone="good", icon_name="check")
    facts = FactList(
        [
            (context.translate("field.company_name"), record.company_name or wording.NO_VALUE),
            (context.translate("field.result"), words.get_result_word(record, context) or wording.NO_VALUE),
            (context.translate("field.expired_at"), wording.format_instant(record.expired_at, "until")),
        ]
    )
    failed_codes = {"pdf" if part == "pdf" else "detail" for part in record.incomplete}
    step_list = _make_step_list(context, steps, [], failed_codes)
    return _stack_widgets(bar, make_badge_row(context, record), facts, step_list)


def make_unknown_outcome_content(
    context: WindowContext,
    plan: PurchasePlan,
    record: CreditCheck | Operation | None,
    steps: ReachedStepCollector,
    failure: Failure,
) -> QWidget:
    """Return the content of the dialog after a purchase with an unknown outcome. It says that the provider may have
    charged the purchase and that further purchases of this corporation are blocked, and shows the next steps.
    `record` is the credit check or operation that stores the purchase; None if the dialog doesn't know it. `steps`
    has the steps that the call has reached, which the content lists.
    """
    translate = context.translate
    blocked_bar = NotificationBar(
        translate("record.blocked"), translate("dialog.purchase.unknown"), tone="unknown", icon_name="lock"
    )
    now = wording.format_instant(context.now(), "clock")
    full_time = wording.format_instant(context.now())
    operation = record.operation_id if isinstance(record, CreditCheck) else record.id if record else None
    saved_text = (
        translate("dialog.purchase.unknown_saved_as", operation=operation)
        if operation
        else translate("dialog.purchase.unknown_saved")
    )
    end_lines = [
        TimelineLine(now, full_time, "question", "unknown", "", translate("dialog.purchase.unknown_silence")),
        TimelineLine(now, full_time, "check", "good", "", saved_text),
    ]
    content_widgets: list[QWidget] = [blocked_bar]
    if isinstance(record, CreditCheck):
        content_widgets.append(make_badge_row(context, record))
    content_widgets.append(_make_step_list(context, steps, end_lines))
    content_widgets.append(_make_next_steps_panel(context, plan))
    return _stack_widgets(*content_widgets)


def _make_next_steps_panel(context: WindowContext, plan: PurchasePlan) -> QWidget:
    translate = context.translate
    box = Surface(edge="all")
    look_up_step = translate("dialog.purchase.unknown_step_look", number=plan.corporation_number)
    steps = [look_up_step, translate("dialog.purchase.unknown_step_resolve")]
    numbered_steps = [
        TextLabel(translate("dialog.step", number=step_number, words=step), wraps_lines=True)
        for step_number, step in enumerate(steps, 1)
    ]
    second_person_text = translate(
        "dialog.purchase.unknown_second", people=context.list_other_people_with_right("resolve_second")
    )
    title = TextLabel(translate("dialog.purchase.unknown_next"), is_bold=True)
    second_person_label = TextLabel(second_person_text, "small", "muted", wraps_lines=True)
    box.setLayout(make_column(title, *numbered_steps, second_person_label, gap_px=2, margins=(12, 8, 12, 10)))
    return box


def make_refusal_content(context: WindowContext, record: CreditCheck | Operation | None, failure: Failure) -> QWidget:
    """Return the content of the dialog after a purchase that was refused or was not sent: the failure, and the badges
    of `record` if it is a credit check. `record` is None if no record of the purchase is known. If the exit status of
    the failure is 5 or 6, nothing was bought, and one sentence of the content says that nothing was charged. The
    content has no such sentence if the answer of the provider is missing, because the purchase may then have been
    executed.
    """
    is_not_bought = EXIT_STATUS.get(failure.code, 70) in (5, 6) and not failure.may_have_acted
    text, not_charged = context.format_failure(failure), context.translate("dialog.purchase.not_charged")
    lead = not_charged if is_not_bought and not_charged not in text else ""
    if is_not_bought:
        bar = NotificationBar(lead, text, tone="bad", icon_name="cross")
    else:
        bar = make_failure_bar(failure, text)
    content_widgets: list[QWidget] = [bar]
    if isinstance(record, CreditCheck):
        content_widgets.append(make_badge_row(context, record))
    return _stack_widgets(*content_widgets)


def _make_step_list(
    context: WindowContext,
    steps: ReachedStepCollector,
    end_lines: list[TimelineLine],
    failed_codes: Collection[str] = (),
) -> QWidget:
    """Return the list of the steps that the ended call has reached, and after them `end_lines`. A step whose code is
    in `failed_codes` is shown as failed, every other step as complete."""
    step_lines = make_step_lines(context, tuple(steps.reached_steps), has_ended=True, failed_codes=failed_codes)
    lines = [*step_lines, *end_lines]
    timeline = TimelineList(context.translate("dialog.steps"), margin_px=0)
    timeline.show_lines(lines)
    timeline.fit_height_to_lines()
    return timeline


def _stack_widgets(*widgets: QWidget) -> QWidget:
    column_widget = QWidget()
    column_widget.setLayout(make_column(*widgets, None, gap_px=12))
    return column_widget
