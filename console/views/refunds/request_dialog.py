"""The dialog in which a person requests a refund, in four stages: form, review of the effects, call, outcome."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from console.domain.errors import ErrorCode
from console.domain.money import format_decimal
from console.domain.payments.consistency import is_answer_old
from console.domain.payments.records import Refund
from console.domain.payments.service_results import RefundPlan
from console.views.pages.dialog_badges import make_badge_row
from console.views.pages.dialog_drafts import FORM_STAGE, REVIEW_STAGE, DialogDraft
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.pages.withdrawal import is_request_withdrawn, make_withdrawn_bar
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.refunds.request_form import RefundForm
from console.views.refunds.request_review import RefundReview
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import PaymentRoute, RefundRoute, make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar, make_failure_bar
from console.wording.sentences import catalogue as wording


class RefundDialog(DialogFrame):
    """The dialog in which a person (the maker) requests a refund. The payment provider gets no request yet, because
    another person must approve the refund first."""

    def __init__(self, context: WindowContext, plan: RefundPlan, parent: QWidget) -> None:
        translate = context.translate
        payment_number = plan.payment.merchant_payment_id
        super().__init__(
            translate("dialog.refund.title", number=payment_number),
            _format_dialog_subtitle(context, plan),
            cancel_text=translate("action.cancel"),
            main_button_text=translate("dialog.refund.review"),
            close_name=translate("action.close"),
            parent=parent,
        )
        block_button_while_read_only(context, self.main_button, "refund_request")
        self._context, self.plan = context, plan
        self._is_reading_plan, self._plan_read_number, self._plan_failure_text = False, 0, ""
        self._refund: Refund | None = None
        self._is_request_sent = False
        self.review: RefundReview | None = None
        self.form = RefundForm(context, plan)
        self.form.changed.connect(self._handle_form_change)
        self.form.amount_changed.connect(self._read_plan)
        self.form.risk_signal_opened.connect(self._open_risk_signal_record)
        self._is_probing = False
        self.probe_button = KeyButton(translate("action.probe"))
        self.probe_button.clicked.connect(self._probe_payment)
        self._footer_buttons.insertWidget(0, self.probe_button)
        self._probe_failure_bar = NotificationBar("", tone="care", icon_name="warning")
        self._probe_failure_bar.hide()
        self._draft = self._make_draft()
        draft_bars = [self._draft.bar] if self._draft is not None and self._draft.bar is not None else []
        self._form_holder = QWidget()
        self._form_holder.setLayout(make_column(*draft_bars, self._probe_failure_bar, self.form, gap_px=12))
        self.show_content(self._form_holder)
        self.main_button.clicked.connect(self._show_review_or_send_request)
        self.main_button.show_key("Ctrl+Enter")
        self.too_early_text = context.translate("dialog.too_early")
        self._update_main_button()
        if self.is_answer_old and not self._find_refusal_reason() and not context.find_disabled_reason("probe"):
            QTimer.singleShot(0, self, self._probe_payment)  # it costs nothing, and the form needs a fresh answer

    # -- form

    def _make_draft(self) -> DialogDraft | None:
        """Return the draft of this dialog. Return None for a refund from money set aside, because the person types
        no amount and no reason for it."""
        if self.plan.set_aside is not None:
            return None
        payment = self.plan.payment
        draft = DialogDraft(
            self._context,
            self,
            "refund",
            str(payment.id),
            payment.merchant_payment_id,
            self.form.get_draft_inputs,
        )
        self.form.changed.connect(draft.store)  # also emitted for answers to risk signals that were not there before
        return draft

    def find_first_focus(self) -> QWidget:
        return self.form.amount_edit if self.form.takes_input else self.cancel_button

    def _find_refusal_reason(self) -> str:
        """Return the reason why no person can request a refund of this payment at present; "" if a person can."""
        plan = self.plan
        return (
            self._context.translate(f"reason.{plan.refusal_code}", **plan.refusal_facts)
            if self.form.is_every_amount_refused
            else ""
        )

    @property
    def is_answer_old(self) -> bool:
        """True if the provider's last answer about the payment is missing or too old for a refund request."""
        payment = self.plan.payment
        return payment.told_at is None or is_answer_old(payment.told_at, payment, self._context.now())

    @property
    def provider(self) -> str:
        return case_words.get_provider_name(self.plan.payment.provider, self._context)

    @Slot()
    def _handle_form_change(self) -> None:
        """Show whether the form can be reviewed. If the plan for the present amount couldn't be read, read it again:
        the plan that the dialog has is about an earlier amount."""
        if self._plan_failure_text and not self.form.is_plan_pending:
            self._read_plan_for_typed_amount()
        else:
            self._update_main_button()

    @Slot()
    def _update_main_button(self) -> None:
        """Enable the main button if the person can request the refund; otherwise disable the button and show the
        reason. If no inputs would make a refund request possible, disable the inputs as well. If the answer of the
        provider is too old, also show the button that probes the payment."""
        refusal_reason = self._find_refusal_reason()
        self.form.set_takes_input(not refusal_reason)
        is_answer_old = self.is_answer_old and not refusal_reason
        self.probe_button.setVisible(is_answer_old and self.review is None)
        disabled_reason = (
            refusal_reason
            or (self._context.translate("dialog.refund.old") if is_answer_old else "")
            or self.form.find_disabled_reason()
            or (self._context.translate("dialog.busy") if self._is_probing else "")
            or self._plan_failure_text
        )
        if disabled_reason or self._is_reading_plan or self.form.is_plan_pending:
            self.disable_main_button(disabled_reason or self._context.translate("dialog.refund.reading"))
        else:
            self.enable_main_button(self._context.translate("dialog.refund.nothing_sent", provider=self.provider))

    @Slot(str)
    def _read_plan(self, amount_text: str | None) -> None:
        """Read the refund plan for an amount from the service, because risk signals and rules depend on the
        amount. `amount_text` is a decimal text in major units; None means the largest amount that can be requested.
        """
        payment_id, self._is_reading_plan, self._plan_failure_text = self.plan.payment.id, True, ""
        set_aside_id = self.plan.set_aside.id if self.plan.set_aside else None
        self._plan_read_number += 1
        number = self._plan_read_number
        self._update_main_button()
        self._context.run_read(
            lambda services: services.refunds.make_plan(payment_id, amount_text, set_aside_id),
            lambda plan: self._end_plan_read(number, partial(self._store_and_show_plan, plan)),
            lambda failure: self._end_plan_read(number, partial(self._show_plan_failure, failure)),
            caller=self,
            key=("refund-plan", payment_id),
        )

    def _end_plan_read(self, number: int, show_answer: Callable[[], None]) -> None:
        """Show the answer to the read of the plan with this number. Do nothing if a newer read has begun, because the
        answer is about an earlier amount."""
        if number == self._plan_read_number:
            show_answer()

    @Slot()
    def _probe_payment(self) -> None:
        """Ask the provider for the payment's present state, then read the refund plan again."""
        if self._is_probing:
            return
        context, payment, self._is_probing = self._context, self.plan.payment, True
        self.probe_button.set_busy(context.translate("dialog.busy"))
        payment_title, route = case_words.format_record_title(payment, context), case_words.make_record_route(payment)
        context.run_acting_call(
            lambda services, request_id: services.recovery.probe("payment", payment.id, request_id=request_id),
            self._read_plan_after_probe,
            self._show_probe_failure,
            caller=self,
            label=context.translate("act.probe_case", title=payment_title),
            make_toast=lambda _: Toast(
                context.translate("record.no_change", at=context.now()), route=route, subject_title=payment_title
            ),
            attempt=("probe", "payment", payment.id),
            key=("payment", payment.id),
            provider=payment.provider,
        )

    def _read_plan_after_probe(self, _record: object) -> None:
        self._is_probing = False
        self.probe_button.show_text(self._context.translate("action.probe"))
        self.probe_button.enable_button()
        self._probe_failure_bar.hide()
        self._read_plan_for_typed_amount()

    def _read_plan_for_typed_amount(self) -> None:
        entered_money = self.form.entered_money
        self._read_plan(format_decimal(entered_money) if entered_money is not None else None)

    def _show_probe_failure(self, failure: Failure) -> None:
        self._is_probing = False
        self.probe_button.show_text(self._context.translate("action.probe"))
        self.probe_button.enable_button()
        self._probe_failure_bar.show_text("", self._context.format_failure(failure))
        self._probe_failure_bar.show()
        self._update_main_button()

    def _store_and_show_plan(self, plan: RefundPlan) -> None:
        """Store the newly read refund plan, and show its risk signals and rules in the form."""
        self._is_reading_plan = False
        self.plan = plan
        self.form.show_plan(plan)

    def _show_plan_failure(self, failure: Failure) -> None:
        self._is_reading_plan, self._plan_failure_text = False, self._context.format_failure(failure)
        self._update_main_button()

    # -- review

    @Slot()
    def _show_review_or_send_request(self) -> None:
        if self.review is None:
            self._show_review()
        elif not self.is_busy:
            self._send_request()

    def _show_review(self) -> None:
        """Replace the form by the review: the requested refund, its effects, and the statement that the provider
        gets no request yet. Do nothing if the typed text isn't a valid amount."""
        context, entered_money = self._context, self.form.entered_money
        if entered_money is None:
            return
        amount_text = wording.format_amount(entered_money.minor, entered_money.currency)
        self._form_holder.setParent(
            None
        )  # show_content deletes the old content, but the request is read from this form
        self.review = RefundReview(context, self.plan, self.form)
        self.review.changed.connect(self._update_review)
        self.show_title(
            context.translate("dialog.refund.confirm", amount=amount_text),
            _format_dialog_subtitle(context, self.plan),
        )
        self.show_content(self.review)
        self.main_button.show_text(context.translate("dialog.refund.act"))
        self.main_button.ignore_mouse_briefly()
        back_button = KeyButton(context.translate("dialog.refund.back"), "Alt+←")
        back_button.clicked.connect(self.show_form_again)
        self.show_footer_button(back_button)
        self.main_button.show_key("")  # from here on it acts, and Enter cancels
        self.cancel_button.setFocus()
        self._update_review()
        self.set_main_button_first(is_first=self.main_button.isEnabled())
        if self._draft is not None:
            self._draft.store_stage(REVIEW_STAGE)

    @Slot()
    def show_form_again(self) -> None:
        """Go back from the review to the form, which still has the person's inputs."""
        if self.review is None or self.is_busy or self._is_request_sent:
            return
        context, self.review = self._context, None
        self.show_title(
            context.translate("dialog.refund.title", number=self.plan.payment.merchant_payment_id),
            _format_dialog_subtitle(context, self.plan),
        )
        self.clear_footer()
        self.show_content(self._form_holder)
        self._form_holder.show()
        self.main_button.show_text(context.translate("dialog.refund.review"))
        self.main_button.show_key("Ctrl+Enter")
        self._update_main_button()
        self.set_main_button_first(is_first=False)
        self.form.amount_edit.setFocus()
        self.form.amount_edit.selectAll()
        if self._draft is not None:
            self._draft.store_stage(FORM_STAGE)

    @Slot()
    def _update_review(self) -> None:
        """Enable the main button of the review. If the person must first type the last characters of the order
        number, disable the button and show the reason."""
        disabled_reason = self.review.find_disabled_reason() if self.review is not None else ""
        if disabled_reason:
            self.disable_main_button(disabled_reason)
        else:
            self.enable_main_button(self._context.translate("dialog.enter_cancels"))

    # -- call

    def _send_request(self) -> None:
        context, request, self._is_request_sent = self._context, self.form.make_request(), True
        self.set_busy(context.translate("dialog.busy"))
        self.hint.show_text("")
        context.run_acting_call(
            lambda services, request_id: services.refunds.request(request, request_id=request_id),
            self._show_request,
            self._show_failure,
            caller=self,
            label=context.translate("act.refund", number=self.plan.payment.merchant_payment_id),
            make_toast=lambda refund: Toast(
                _format_requested_text(context, refund),
                "",
                "hourglass",
                "progress",
                case_words.make_record_route(refund),
                subject_title="",
            ),
            attempt=("refund request", request),
            key=("payment", request.payment_id),
            provider="",
        )

    def _show_request(self, refund: Refund) -> None:
        context = self._context
        self._refund = refund
        if self._draft is not None:
            self._draft.delete()
        self._show_final_content(
            _format_requested_text(context, refund),
            make_request_content(context, refund, self.plan),
            main_button_key="action.open_refund",
        )
        self.main_button.clicked.connect(self._open_refund)

    def _show_failure(self, failure: Failure) -> None:
        """Show the reason why the service has refused the refund request, and the next step. If the request may have
        been stored, say this, with a button that opens the payment."""
        context = self._context
        if is_request_withdrawn(failure):
            self._show_final_content(context.translate("dialog.withdraw.done"), make_withdrawn_bar(context, failure))
            return
        if failure.may_have_acted:
            title, bar = (
                context.format_failure_title(failure),
                make_failure_bar(failure, context.format_failure(failure)),
            )
            self._show_final_content(title, bar, main_button_key="action.open_payment")
            self.main_button.clicked.connect(self._open_payment)
            return
        title_key = "dialog.stale.title" if failure.code == ErrorCode.STALE_VIEW else "dialog.refund.refused_title"
        content = QWidget()
        refusal_bar = make_failure_bar(failure, context.format_failure(failure))
        content.setLayout(
            make_column(
                refusal_bar,
                TextLabel(context.translate("dialog.refund.nothing_changed"), wraps_lines=True),
                gap_px=12,
            )
        )
        self._show_final_content(context.translate(title_key), content)

    def _show_final_content(self, title: str, content: QWidget, main_button_key: str = "") -> None:
        translate = self._context.translate
        subtitle = _format_dialog_subtitle(self._context, self.plan)
        self.show_outcome(
            title,
            subtitle,
            content,
            close_text=translate("action.close"),
            main_button_text=translate(main_button_key) if main_button_key else "",
        )

    @Slot()
    def _open_refund(self) -> None:
        self.accept()
        if self._refund is not None:
            self._context.navigate(RefundRoute(self._refund.id))

    @Slot()
    def _open_payment(self) -> None:
        self.accept()
        self._context.navigate(PaymentRoute(self.plan.payment.id))

    @Slot(str, int)
    def _open_risk_signal_record(self, kind: str, id: int) -> None:
        self.reject()
        self._context.navigate(make_route_to_record(kind, id))


def make_request_content(context: WindowContext, refund: Refund, plan: RefundPlan) -> QWidget:
    """Return the content of the dialog after the service has stored the refund request: the people who may approve
    the refund, the badges of the refund, the reason for its state, and its next step."""
    translate = context.translate
    approvers_bar = NotificationBar(
        translate("dialog.refund.asked_lead"),
        translate("dialog.refund.asked", people=plan.approvers),
        tone="progress",
        icon_name="hourglass",
    )
    _, reason, next_step = record_words.format_explanation(case_words.explain_record(refund, context.now()), context)
    content = QWidget()
    content.setLayout(
        make_column(
            approvers_bar,
            make_badge_row(context, refund),
            TextLabel(reason, wraps_lines=True),
            TextLabel(next_step, wraps_lines=True),
            gap_px=12,
        )
    )
    return content


def _format_requested_text(context: WindowContext, refund: Refund) -> str:
    """Return the sentence which says that the refund was requested, with its number and amount."""
    amount_text = wording.format_amount(refund.amount_minor, refund.currency)
    return context.translate("dialog.refund.asked_title", id=refund.id, amount=amount_text)


def _format_dialog_subtitle(context: WindowContext, plan: RefundPlan) -> str:
    """Return the subtitle of the dialog: order, corporation, provider, amount, day and payer of the payment, as far
    as they are known."""
    payment, translate, payer = plan.payment, context.translate, case_words.mask_payer(plan.payment.payer)
    amount = wording.format_amount(payment.captured_minor, payment.currency)
    return wording.join_facts(
        (
            case_words.format_record_title(plan.order, context) if plan.order is not None else "",
            case_words.format_company_name_and_number(payment, context),
            case_words.get_provider_name(payment.provider, context),
            translate("dialog.refund.paid", amount=amount, at=payment.paid_at),
            translate("dialog.refund.payer", payer=payer) if payer else "",
        ),
        translate,
    )
