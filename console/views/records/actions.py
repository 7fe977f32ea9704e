"""The actions on one record, for all pages with records: probe, re-fetch, resolve, purchase, refund, approve,
reject, withdraw, move the order, copy."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QGuiApplication

from console.domain.access.permissions import does_right_change_records
from console.domain.errors import ErrorCode
from console.domain.payments.records import Order, Payment, Refund
from console.domain.payments.service_results import RefundDetails, RefundPlan
from console.domain.records import Certainty, CreditCheck, Operation, OperationState, WorkReason, WorkState
from console.domain.recovery.decision_rules import find_undecidable_reason, is_decidable_check
from console.domain.service_results import PurchasePlan
from console.services.desk_requests.request_wait import RequestWait
from console.views.pages.base import Page
from console.views.pages.withdrawal import WithdrawButton, is_request_withdrawn
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.presenters.record_changes import format_probed_changes
from console.views.presenters.records import ShownRecord
from console.views.runtime.context import ALARMBOX_PROVIDER_NAME, Toast, WindowContext
from console.views.runtime.routes import RecordRef
from console.views.runtime.tasks import Failure
from console.views.theme.design_tokens import Tone
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.enquiries import format_enquiry
from console.wording.records import get_unchanged_probe_key

_KNOWN_OUTCOME_ICON_AND_TONE: tuple[str, Tone] = ("check", "good")
_UNKNOWN_OUTCOME_ICON_AND_TONE: tuple[str, Tone] = ("question", "unknown")
_CONTRADICTED_ICON_AND_TONE: tuple[str, Tone] = ("not_equal", "bad")


class RecordActionHandlers(QObject):
    """Runs the actions that a page offers on its records. If a service refuses an action, a bar of the page shows the
    reason. While a probe of a record runs, a second probe of the same record is ignored."""

    def __init__(
        self,
        context: WindowContext,
        page: Page,
        *,
        is_probe_shown_in_bar: bool = False,
        get_shown_ref: Callable[[], tuple[str, int | str] | None] = lambda: None,
    ) -> None:
        """If `is_probe_shown_in_bar` is True, a bar of `page` shows the result of a probe. Otherwise a toast shows
        the result; the toast may cover buttons at the bottom of the page. `get_shown_ref` returns kind and id of the
        record or operation whose explanation the page shows; None if it shows a list."""
        super().__init__(page)
        self._context, self._page = context, page
        self._probed_subjects: set[tuple[str, int | str]] = set()
        self._is_probe_shown_in_bar, self._get_shown_ref = is_probe_shown_in_bar, get_shown_ref
        self._payment_of_moved_order: Payment | None = None
        self._current_ref: RecordRef | None = None

    @property
    def page(self) -> Page:
        """The page that offers the actions, and in whose bar their refusals are shown."""
        return self._page

    def set_current_record(self, ref: RecordRef | None) -> None:
        """Store `ref` (kind and id) as the current record of the page; for None, do nothing. If the current record
        changes, remove the bar with the result of an action, because a person would read the result as one about the
        new current record. The bar about an action that is still being executed stays, because it names its record.
        """
        if ref is not None and ref != self._current_ref:
            self._current_ref = ref
            self._page.hide_ended_action_bar()

    # -- probe

    def probe_record(self, record: ShownRecord | Operation) -> None:
        """Ask the provider for the outcome of a record, and show the result later, when the provider has answered.
        The call costs nothing and changes nothing at the provider. Do nothing while a probe of the same record runs;
        if the person can't use the right at present, only show the reason. For a refund, this method takes the
        provider from the payment in the refund's relations, because the record of a refund doesn't contain the
        provider. An operation that starts a payment or sends a refund doesn't contain it either, so the time of its
        provider's answer isn't shown.
        """
        context, translate = self._context, self._context.translate
        kind, id = record_ref = case_words.get_subject_kind_and_id(record)
        if record_ref in self._probed_subjects or self.refuse_if_right_missing("probe"):
            return
        title, provider_name = case_words.format_subject_title(record, context), _find_probed_provider_name(record)
        if _is_about_purchase(record):
            busy_text = translate("act.about", title=title, message=translate("act.probing"))
        else:
            busy_text = translate("act.probing_case", title=title)
        call_label = (
            translate("act.probe", id=id)
            if isinstance(record, CreditCheck)
            else translate("act.probe_case", title=title)
        )
        self._probed_subjects.add(record_ref)
        request_wait = RequestWait()
        withdraw_button = WithdrawButton(context, request_wait, subject_title=title)
        busy_bar = NotificationBar(
            translate("dialog.busy"),
            busy_text,
            tone="progress",
            icon_name="circle_arrow",
            button=withdraw_button,
            second_button=withdraw_button.wait_label,
        )
        self._page.show_bar("act", busy_bar)
        context.run_acting_call(
            lambda services, request_id: services.recovery.probe(kind, id, request_id=request_id),
            lambda record_after: self._show_probe_result(record, record_after, busy_bar),
            lambda failure: self._show_probe_failure(record, busy_bar, failure),
            caller=self,
            label=call_label,
            make_toast=lambda record_after: make_probe_toast(context, record, record_after),
            attempt=("probe", kind, id),
            key=record_ref,
            provider=provider_name,
            request_wait=request_wait,
        )

    def _show_probe_result(
        self, record_before: ShownRecord | Operation, record_after: ShownRecord | Operation, busy_bar: NotificationBar
    ) -> None:
        self._probed_subjects.discard(case_words.get_subject_kind_and_id(record_before))
        self._page.hide_bar("act", only=busy_bar)  # another probe may have replaced it
        toast = make_probe_toast(self._context, record_before, record_after)
        if self._is_probe_shown_in_bar and not self._page.is_action_bar_busy:
            result_bar = NotificationBar(
                toast.message,
                toast.detail,
                tone=toast.tone,
                icon_name=toast.icon_name,
                button=self._make_close_button(),
            )
            self._page.show_bar("act", result_bar)
        else:
            self._context.toast_requested.emit(toast)
        self._page.refresh("probed")

    def _show_probe_failure(
        self, record: ShownRecord | Operation, busy_bar: NotificationBar, failure: Failure
    ) -> None:
        self._probed_subjects.discard(case_words.get_subject_kind_and_id(record))
        is_record_shown = case_words.get_subject_kind_and_id(record) == self._get_shown_ref()
        self._page.hide_bar("act", only=busy_bar)  # another probe may have replaced it
        self.show_refusal(
            failure, case_words.format_subject_title(record, self._context), is_record_shown=is_record_shown
        )
        self._page.refresh("probed")

    def show_refusal(self, failure: Failure, title: str = "", *, is_record_shown: bool = False) -> None:
        """Show the reason why an action was refused, in a bar of the page that stays until the person closes it.
        `title` is the title of the record that the action was about, because another record may have become the
        current one meanwhile; "" if the page shows only one record. `is_record_shown` is True if the page shows the
        explanation of this record: the bar then doesn't advise to open the record. With an empty `title`, the bar
        doesn't advise it either if the page shows the explanation of any record. While the bar says that an action is
        still being executed, show the reason in a toast instead.
        """
        context = self._context
        tone: Tone
        if failure.code == ErrorCode.OUTCOME_UNKNOWN and not failure.is_answer_missing:
            bold_text, tone, icon_name = context.translate("dialog.probe.still_unknown"), "unknown", "question"
        elif is_request_withdrawn(failure):
            bold_text, tone, icon_name = context.translate("dialog.withdraw.done"), "text", "arrow_back"
        else:
            bold_text, (icon_name, tone) = context.format_failure_title(failure), failure.icon_and_tone
        is_record_shown = is_record_shown or (not title and self._get_shown_ref() is not None)
        message = context.format_failure(failure, is_record_shown=is_record_shown)
        if self._page.is_action_bar_busy:
            context.show_toast(bold_text, message, icon_name, tone, subject_title=title)
            return
        if title:
            message = context.translate("act.about", title=title, message=message)
        self._page.show_bar(
            "act",
            NotificationBar(bold_text, message, tone=tone, icon_name=icon_name, button=self._make_close_button()),
        )
        context.refusal_shown.emit()

    def show_refusal_about_record(self, record_ref: RecordRef, record_title: str, failure: Failure) -> None:
        """Show the reason why an action on the record with the kind and id `record_ref` was refused, as
        `show_refusal` does. The bar names the record by `record_title`, unless the page shows this record alone."""
        is_record_shown = record_ref == self._get_shown_ref()
        self.show_refusal(failure, "" if is_record_shown else record_title, is_record_shown=is_record_shown)

    def show_failed_read(self, failure: Failure, subject_title: str = "") -> None:
        """Show the reason why the data that an action needs could not be read, in a bar of the page that stays until
        the person closes it. The title of the bar says that the action was not done, for every kind of failure,
        because the action has not begun. `subject_title` names the record of the action; "" if it is about several.
        While the bar says that an action is still being executed, show the reason in a toast instead.
        """
        title, message = self._context.translate("act.refused"), self._context.format_failure(failure)
        if self._page.is_action_bar_busy:
            self._context.show_toast(title, message, "square_bang", "bad", subject_title=subject_title)
            return
        if subject_title:
            message = self._context.translate("act.about", title=subject_title, message=message)
        close_button = self._make_close_button()
        self._page.show_bar(
            "act", NotificationBar(title, message, tone="bad", icon_name="square_bang", button=close_button)
        )
        self._context.refusal_shown.emit()

    @Slot()
    def _close_result_bar(self) -> None:
        self._page.hide_bar("act")

    # -- dialogs, imported when first opened

    def refuse_if_right_missing(self, right_name: str) -> bool:
        """Return True if the acting person can't use this right at present, or if the right changes data and the
        program could not read the data of the page again. In both cases, show the reason in a bar of the page.
        Otherwise return False. Actions without a button need this check, because a button would show the reason.
        """
        disabled_reason = self._context.find_disabled_reason(right_name)
        if not disabled_reason and does_right_change_records(right_name):
            disabled_reason = self._page.find_outdated_reason()
        if disabled_reason:
            self._page.show_key_refusal(disabled_reason)
        return bool(disabled_reason)

    def _make_close_button(self) -> KeyButton:
        close_button = KeyButton(self._context.translate("action.close"), kind="inline")
        close_button.clicked.connect(self._close_result_bar)
        return close_button

    def open_refetch_dialog(self, record: CreditCheck) -> None:
        """Open the dialog in which the person fetches missing parts of the credit check again, if the person has the
        right."""
        if self.refuse_if_right_missing("refetch"):
            return
        from console.views.purchase.refetch_dialog import RefetchDialog

        RefetchDialog(self._context, record, self._page.window()).open()

    def open_resolve_dialog(
        self, record: CreditCheck | Payment | Refund | Operation, proposer: str | None = None
    ) -> None:
        """Open the dialog in which the person resolves the record's unknown outcome by evidence, if the person has
        the right. For a credit check whose outcome people can't decide, show a toast with the reason instead.

        `record` is an Operation only if this desk's spool has the operation and the database doesn't. Only for an
        Operation, `proposer` is used: the person whose proposed decision about it waits for a second person; None if
        no decision waits. For a credit check, payment or refund, the dialog itself reads the proposed outcome and its
        proposer.
        """
        if self.refuse_if_right_missing("resolve"):
            return
        context, window = self._context, self._page.window()
        if isinstance(record, CreditCheck) or (
            isinstance(record, Operation) and record.subject_kind not in ("refund", "payment")
        ):
            from console.views.records.resolve_dialog import ResolveDialog

            if isinstance(record, CreditCheck) and not is_decidable_check(record):
                reason = f"reason.{find_undecidable_reason(record)}"
                subject_title = case_words.format_subject_title(record, context)
                context.show_toast(
                    context.translate(reason), icon_name="square_bang", tone="care", subject_title=subject_title
                )
            else:
                is_record_shown = case_words.get_subject_kind_and_id(record) == self._get_shown_ref()
                ResolveDialog(context, record, proposer, window, is_record_shown=is_record_shown).open()
            return
        from console.views.records.resolve_money_dialog import ResolveMoneyDialog

        ResolveMoneyDialog(context, record, proposer, window).open()

    def open_outside_refund_dialog(self, payment: Payment) -> None:
        """Open the dialog in which the person records a refund of the payment that was done outside, if the person
        has the right."""
        if self.refuse_if_right_missing("resolve"):
            return
        from console.views.records.outside_refund_dialog import OutsideRefundDialog

        OutsideRefundDialog(self._context, payment, self._page.window()).open()

    def open_purchase_dialog(self, number: str, client: str | None = None) -> None:
        """Read the purchase plan for this corporation number, then open the purchase dialog. The dialog selects the
        client with the id `client`; if `client` is None, it selects the only client, if there is only one. If the
        person lacks the right, only show the reason."""
        if self.refuse_if_right_missing("purchase"):
            return
        self._page.read_for_dialog(
            lambda services: services.credit_checks.make_plan(number),
            lambda plan: self._open_dialog_with_purchase_plan(plan, client),
            self.show_failed_read,
        )

    def _open_dialog_with_purchase_plan(self, plan: PurchasePlan, client: str | None) -> None:
        from console.views.purchase.dialog import PurchaseDialog

        PurchaseDialog(self._context, plan, client, self._page.window()).open()

    def open_refund_dialog(self, payment_id: int, set_aside_id: int | None = None) -> None:
        """Read the refund plan of the payment, then open the dialog in which the person requests a refund: of the
        set-aside with this id or, for None, of the refundable amount of the payment. If the person lacks the right,
        only show the reason.
        """
        if self.refuse_if_right_missing("refund_request"):
            return
        self._page.read_for_dialog(
            lambda services: services.refunds.make_plan(payment_id, None, set_aside_id),
            self._open_dialog_with_refund_plan,
            self.show_failed_read,
        )

    def _open_dialog_with_refund_plan(self, plan: RefundPlan) -> None:
        from console.views.refunds.request_dialog import RefundDialog

        RefundDialog(self._context, plan, self._page.window()).open()

    def open_approve_dialog(self, details: RefundDetails) -> None:
        """Open the dialog in which the person approves the refund, if the person has the right."""
        if self.refuse_if_right_missing("refund_approve"):
            return
        from console.views.refunds.decision_dialog import ApproveDialog

        ApproveDialog(self._context, details, self._page.window()).open()

    def open_reject_dialog(self, details: RefundDetails) -> None:
        """Open the dialog in which the person rejects the refund, if the person has the right."""
        if self.refuse_if_right_missing("refund_approve"):
            return
        from console.views.refunds.decision_dialog import RejectDialog

        RejectDialog(self._context, details, self._page.window()).open()

    def open_withdraw_dialog(self, details: RefundDetails) -> None:
        """Open the dialog in which the maker withdraws the refund request, if the person has the right."""
        if self.refuse_if_right_missing("refund_withdraw"):
            return
        from console.views.refunds.decision_dialog import WithdrawDialog

        WithdrawDialog(self._context, details, self._page.window()).open()

    # -- order of a payment

    def set_order_paid(self, payment: Payment) -> None:
        """Set the order of the payment to the state "paid", if the person has the right. The program sends no request
        to the provider. Do nothing if the previous call had the same `payment` object and hasn't failed, because the
        person has then pressed the key again before the page shows the new state of the order."""
        if self._payment_of_moved_order is payment or self.refuse_if_right_missing("resolve"):
            return
        context, self._payment_of_moved_order = self._context, payment
        context.run_acting_call(
            lambda services, request_id: services.payments.set_order_paid(payment.id, request_id=request_id),
            self._show_paid_order,
            lambda failure: self._show_set_paid_failure(payment, failure),
            caller=self,
            label=context.translate("act.move_order", number=payment.merchant_payment_id),
            make_toast=lambda order: _make_paid_order_toast(context, order),
            attempt=("order move", payment.id),
            key=("payment", payment.id),
            provider="",
        )

    def _show_paid_order(self, order: Order) -> None:
        self._context.toast_requested.emit(_make_paid_order_toast(self._context, order))
        self._page.refresh("moved")

    def _show_set_paid_failure(self, payment: Payment, failure: Failure) -> None:
        if self._payment_of_moved_order is payment:
            self._payment_of_moved_order = None
        self.show_refusal_about_record(
            case_words.make_record_ref(payment), case_words.format_record_title(payment, self._context), failure
        )
        self._page.refresh("moved")

    # -- copy

    def copy_text(self, text: str) -> None:
        """Copy the text to the clipboard, and show it in a toast."""
        QGuiApplication.clipboard().setText(text)
        self.show_copied_toast(text)

    @Slot(str)
    def show_copied_toast(self, text: str) -> None:
        """Show a toast which says that `text` was copied to the clipboard. The toast shortens a text of more than 16
        characters."""
        self._context.show_toast(self._context.translate("action.copied", text=_shorten_text(text)), subject_title="")

    def copy_summary(self, record: ShownRecord) -> None:
        """Copy a summary of the record in one line, for a support ticket. The summary contains no personal data."""
        context, now = self._context, self._context.now()
        state_word, certainty_word, work_word = (
            record_words.make_state_cell(key, context.language).word for key in case_words.get_badge_keys(record, now)
        )
        placeholder_values: dict[str, object] = {
            "state": state_word,
            "certainty": certainty_word,
            "work": work_word,
            "at": now,
        }
        if isinstance(record, CreditCheck):
            placeholder_values |= {"id": record.id, "number": record.corporation_number, "client": record.client_id}
            summary = context.translate("record.summary", **placeholder_values)
        else:
            placeholder_values |= {
                "title": case_words.format_record_title(record, context),
                "amount": case_words.format_record_amount(record),
            }
            summary = context.translate("case.summary", **placeholder_values)
        QGuiApplication.clipboard().setText(summary)
        context.show_toast(context.translate("record.summary_copied"), summary, subject_title="")

    def copy_enquiry(self, payment: Payment, refund: Refund | None) -> None:
        """Copy the text of a letter to the payment's provider, which asks for the outcome of `refund`, or of the
        payment itself if `refund` is None."""
        context = self._context
        QGuiApplication.clipboard().setText(format_enquiry(payment, refund))
        provider = case_words.get_provider_name(payment.provider, context)
        context.show_toast(
            context.translate("enquiry.copied"),
            context.translate("enquiry.send", provider=provider),
            subject_title="",
        )


def _is_about_purchase(record: ShownRecord | Operation) -> bool:
    """True for a credit check, and for an operation that purchases one."""
    return isinstance(record, CreditCheck) or (
        isinstance(record, Operation) and record.subject_kind == "credit-check"
    )


def _find_probed_provider_name(record: ShownRecord | Operation) -> str:
    """Return the name of the provider that a probe of the record calls. Return "" if the record doesn't name it: for
    an order, because its payments can have different providers, for a refund that was read without its payment, and
    for an operation that starts a payment or sends a refund. Return "" also for a lost operation that has failed,
    because its probe calls no provider."""
    if isinstance(record, Operation) and record.is_lost_without_effect:
        return ""
    if _is_about_purchase(record):
        return ALARMBOX_PROVIDER_NAME
    if isinstance(record, Refund):
        payment = record.relations.payment if record.relations is not None else None
    else:
        payment = record if isinstance(record, Payment) else None
    return payment.provider if payment is not None else ""


def make_probe_toast(
    context: WindowContext, record_before: ShownRecord | Operation, record_after: ShownRecord | Operation
) -> Toast:
    """Return the toast that the window shows after a probe. The toast names the record and its new state, or says
    that nothing has changed, that the outcome is still unknown, or that the provider's answer contradicts the record.
    `record_before` and `record_after` are the versions of the record before and after the probe."""
    title, translate = case_words.format_subject_title(record_after, context), context.translate
    is_unknown = _is_outcome_unknown(record_after)
    route = None if isinstance(record_after, Operation) else case_words.make_record_route(record_after)
    icon_name, tone = _UNKNOWN_OUTCOME_ICON_AND_TONE if is_unknown else _KNOWN_OUTCOME_ICON_AND_TONE
    # An operation of the spool becomes a record when its answer is delivered.
    is_unchanged = type(record_before) is type(record_after) and _get_probed_values(
        record_before
    ) == _get_probed_values(record_after)
    changes = format_probed_changes(record_before, record_after, context)
    title_and_changes = translate("act.about", title=title, message=changes) if changes else title
    if not isinstance(record_after, Operation) and _waits_because_of_contradiction(record_after):
        icon_name, tone = _CONTRADICTED_ICON_AND_TONE
        return Toast(
            translate("dialog.probe.contradicted"), title_and_changes, icon_name, tone, route, subject_title=""
        )
    if is_unchanged:
        key = "record.no_change" if isinstance(record_before, Operation) else get_unchanged_probe_key(record_before)
        message = translate(key, at=context.now())
        unknown_text = translate("act.about", title=title, message=translate("dialog.probe.still_unknown"))
        return Toast(message, unknown_text if is_unknown else title, icon_name, tone, route, subject_title="")
    if is_unknown:
        return Toast(
            translate("dialog.probe.still_unknown"), title_and_changes, icon_name, tone, route, subject_title=""
        )
    if isinstance(record_after, Operation):
        state_word = translate(f"state.operation.{record_after.state}")
    else:
        state_word = record_words.make_state_cell(case_words.get_state_badge_key(record_after), context.language).word
    was_unknown = isinstance(record_before, Operation) or _is_outcome_unknown(record_before)
    key = "dialog.probe.known" if isinstance(record_after, CreditCheck) and was_unknown else "case.probed"
    return Toast(translate(key, state=state_word), title_and_changes, route=route, subject_title="")


def _is_outcome_unknown(record: ShownRecord | Operation) -> bool:
    if isinstance(record, Operation):
        return record.state is OperationState.UNKNOWN
    return not isinstance(record, Order) and record.certainty is Certainty.UNKNOWN


def _waits_because_of_contradiction(record: ShownRecord) -> bool:
    """True if an answer of the provider contradicts the record, so that the record waits for a person."""
    return record.work.state is WorkState.NEEDS_REVIEW and record.work.reason == WorkReason.CONTRADICTED


def _get_probed_values(record: ShownRecord | Operation) -> tuple[object, ...]:
    """Return the values of the fields that a probe may change, so that two versions of a record can be compared."""
    field_names = (
        "state", "certainty", "captured_minor", "refunded_minor", "provider_minor", "provider_state",
        "credit_check_id", "result", "expired_at", "payment_ids", "provider_payment_id", "provider_refund_id",
        "provider_refunded_minor", "error_code",
    )  # fmt: skip
    work_values = (record.work.state, record.work.reason) if not isinstance(record, Operation) else ()
    return (*(getattr(record, name, None) for name in field_names), *work_values)


def _make_paid_order_toast(context: WindowContext, order: Order) -> Toast:
    state_word = record_words.make_state_cell(case_words.get_state_badge_key(order), context.language).word
    return Toast(
        context.translate("case.order_moved", state=state_word),
        route=case_words.make_record_route(order),
        subject_title=case_words.format_record_title(order, context),
    )


def _shorten_text(text: str) -> str:
    """Return a text of at most 16 characters unchanged, and of a longer text the first and the last 4 characters with
    "…" between them."""
    return text if len(text) <= 16 else f"{text[:4]}…{text[-4:]}"
