"""The dialogs of the three decisions on a refund: approve it (with the password), reject it (with a reason), and
withdraw it (only the maker)."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.access.permissions import WORKER
from console.domain.errors import ErrorCode
from console.domain.payments.records import Refund
from console.domain.payments.service_results import RefundDetails
from console.domain.payments.states import RefundState
from console.views.pages.dialog_badges import make_badge_row
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.pages.withdrawal import is_request_withdrawn, make_withdrawn_bar
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.presenters.money_view import format_refundable_after_approval
from console.views.refunds.request_review import OrderNumberConfirmation
from console.views.runtime.context import ActingCall, Toast, WindowContext, bind_password_to_call
from console.views.runtime.routes import RefundRoute
from console.views.runtime.tasks import Failure
from console.views.widgets.base import TextLabel, make_column
from console.views.widgets.controls.inputs import LineEdit, MultiLineField
from console.views.widgets.controls.password_field import PasswordField
from console.views.widgets.display.record_parts import FactList
from console.views.widgets.window.dialog import DialogFrame
from console.views.widgets.window.notification_bars import NotificationBar, make_failure_bar
from console.wording.sentences import catalogue as wording


class _DecisionDialog(DialogFrame):
    """Base class of the dialogs in which a person approves, rejects or withdraws a refund. The dialog shows the
    refund, sends the decision to the service once, and shows the outcome. `decision_name` is "approve", "reject" or
    "withdraw"; the wording keys of the dialog contain it.
    """

    decision_name = ""
    right_name = "refund_approve"
    """Name of the right that the decision needs."""

    def __init__(self, context: WindowContext, details: RefundDetails, parent: QWidget) -> None:
        translate, amount_text = (
            context.translate,
            wording.format_amount(details.record.amount_minor, details.record.currency),
        )
        super().__init__(
            translate(f"dialog.{self.decision_name}.title", amount=amount_text),
            format_decision_subtitle(context, details),
            cancel_text=translate("action.cancel"),
            main_button_text=translate(f"dialog.{self.decision_name}.act", amount=amount_text),
            kind="danger" if self.decision_name == "reject" else "primary",
            close_name=translate("action.close"),
            parent=parent,
        )
        provider = details.payment.provider if self.decision_name == "approve" else None
        block_button_while_read_only(context, self.main_button, self.right_name, provider)
        self.closable_text = context.translate("dialog.decide.watched")
        self._context, self._details = context, details
        self.show_content(self._make_content())
        self.main_button.clicked.connect(self._send_decision)
        self._update_main_button()

    def _make_content(self) -> QWidget:
        raise AssertionError(self.decision_name)

    def _find_disabled_reason(self) -> str:
        """Return the reason why the person can't send the decision yet; "" if the person can."""
        return ""

    def _get_rejection_reason(self) -> str:
        """Return the reason that the person has typed; "" for a decision without a reason."""
        return ""

    def _make_decision_call(self) -> ActingCall[Refund]:
        """Return the call of the service that stores the decision. Creating the call sends nothing; the caller sends
        it."""
        raise AssertionError(self.decision_name)

    def _format_released_amount(self) -> str:
        """Return the sentence which says that the amount of the refund becomes refundable, or set aside, again if
        the refund is rejected or withdrawn."""
        record = self._details.record
        place = "effect" if record.set_aside_id is None else "effect_set_aside"
        amount_text = wording.format_amount(record.amount_minor, record.currency)
        return self._context.translate(f"dialog.{self.decision_name}.{place}", amount=amount_text)

    @Slot()
    def _update_main_button(self) -> None:
        """Enable the main button if the person can decide; otherwise disable it and show the reason."""
        disabled_reason = self._find_disabled_reason()
        if disabled_reason:
            self.disable_main_button(disabled_reason)
        else:
            self.enable_main_button(self._context.translate("dialog.enter_cancels"))

    @Slot()
    def _send_decision(self) -> None:
        if not self.is_busy and not self._find_disabled_reason():
            self._send_call(self._make_decision_call())

    def _send_call(self, call: ActingCall[Refund]) -> None:
        """Run the acting call of the decision in a background thread, and show the steps that it has reached."""
        context, refund_id = self._context, self._details.record.id
        self.set_busy(context.translate("dialog.busy"))
        self.hint.show_text("")
        context.run_acting_call(
            call,
            self._show_decision,
            self._show_failure,
            caller=self,
            label=context.translate(f"act.{self.decision_name}", id=refund_id),
            make_toast=lambda refund: Toast(
                case_words.format_record_title(refund, context),
                record_words.make_state_cell(case_words.get_state_badge_key(refund), context.language).word,
                route=case_words.make_record_route(refund),
                subject_title="",
            ),
            attempt=(
                f"refund {self.decision_name}",
                refund_id,
                self._details.record.version,
                self._get_rejection_reason(),
            ),
            key=("refund", refund_id),
            provider=self._details.payment.provider if self.decision_name == "approve" else "",
        )

    def _show_decision(self, refund: Refund) -> None:
        context = self._context
        amount_text = wording.format_amount(refund.amount_minor, refund.currency)
        result_text = context.translate(
            _get_result_wording_key(self.decision_name, refund), id=refund.id, amount=amount_text
        )
        result_bar = NotificationBar("", result_text, tone="good", icon_name="check")
        self._show_final_content(
            context.translate(f"dialog.{self.decision_name}.done"), make_decision_content(context, refund, result_bar)
        )

    def _show_failure(self, failure: Failure) -> None:
        context, stored_record = self._context, failure.detail.get("record")
        if is_request_withdrawn(failure):
            content = make_decision_content(context, None, make_withdrawn_bar(context, failure))
            self._show_final_content(context.translate("dialog.withdraw.done"), content)
            return
        failure_bar = make_failure_bar(failure, context.format_failure(failure))
        title = context.format_failure_title(failure)
        if failure.code == ErrorCode.OUTCOME_UNKNOWN and not failure.is_answer_missing:
            title = context.translate("dialog.decide.unknown")
        elif failure.code == ErrorCode.STALE_VIEW:
            title = context.translate("dialog.stale.title")
        self._show_final_content(
            title,
            make_decision_content(context, stored_record if isinstance(stored_record, Refund) else None, failure_bar),
        )

    def _show_final_content(self, title: str, content: QWidget) -> None:
        translate = self._context.translate
        main_button_text = translate("action.open_refund")
        self.show_outcome(
            title,
            format_decision_subtitle(self._context, self._details),
            content,
            close_text=translate("action.close"),
            main_button_text=main_button_text,
        )
        self.main_button.clicked.connect(self._open_refund)

    @Slot()
    def _open_refund(self) -> None:
        self.accept()
        self._context.navigate(RefundRoute(self._details.record.id))


class ApproveDialog(_DecisionDialog):
    """The dialog in which a person approves a refund. If the database is a database server, the person must type
    their password. If the refund needs two approvers, the person must also type the last characters of the order
    number."""

    decision_name = "approve"

    def _make_content(self) -> QWidget:
        translate = self._context.translate
        self.needs_password = self._context.settings.sign_in.is_server
        self.password_field = PasswordField(
            translate("sign_in.field.password"), translate("sign_in.show"), translate("sign_in.hide")
        )
        self.password_field.line_edit.textChanged.connect(self._update_main_button)
        order = self._details.order
        self.order_number_check = OrderNumberConfirmation(
            self._context, order.merch_txn_id if order else self._details.payment.merchant_payment_id
        )
        self.order_number_check.changed.connect(self._update_main_button)
        self.needs_order_number = self._details.needed_checker_count > 1
        next_step_key = self._get_next_step_wording_key()
        is_final = next_step_key != "dialog.approve.then_second"
        final_bar = NotificationBar(
            translate("dialog.approve.final_lead"),
            translate(next_step_key),
            tone="care" if is_final else "progress",
            icon_name="warning" if is_final else "hourglass",
        )
        content = QWidget()
        widgets: list[QWidget] = [final_bar, self._make_effect_facts()]
        password_note_text = translate(
            "dialog.approve.step_up" if self.needs_password else "dialog.approve.no_password"
        )
        password_note = TextLabel(password_note_text, "small", "muted")
        widgets += [self.order_number_check] if self.needs_order_number else []
        widgets += [self.password_field, password_note] if self.needs_password else [password_note]
        for hidden_widget, is_needed in (
            (self.order_number_check, self.needs_order_number),
            (self.password_field, self.needs_password),
        ):
            if not is_needed:
                hidden_widget.setParent(content)
                hidden_widget.hide()
        content.setLayout(make_column(*widgets, gap_px=12))
        return content

    def _get_next_step_wording_key(self) -> str:
        record, now = self._details.record, self._context.now()
        if len(record.checkers) + 1 < self._details.needed_checker_count:
            is_missing = self._details.missing_approver_count
            return "dialog.approve.then_second_missing" if is_missing else "dialog.approve.then_second"
        if record.sends_after is not None and record.sends_after > now:
            return "dialog.approve.then_waits"
        return "dialog.approve.then_sent"

    def _make_effect_facts(self) -> FactList:
        translate, details = self._context.translate, self._details
        record = details.record
        fact_list = FactList()
        approval_count, needed_count = len(record.checkers), details.needed_checker_count
        if approval_count + 1 >= needed_count:
            state_words = [translate(f"state.refund.{state}") for state in ("requested", "approved")]
            fact_list.add_fact(
                translate("field.state"),
                TextLabel(translate("case.becomes", before=state_words[0], after=state_words[1])),
            )
        else:
            count_text = translate(
                "dialog.approve.count", before=approval_count, after=approval_count + 1, needed=needed_count
            )
            fact_list.add_fact(translate("dialog.approve.count_label"), TextLabel(count_text))
        refundable_text = format_refundable_after_approval(details, self._context)
        fact_list.add_fact(translate("money.part.refundable"), TextLabel(refundable_text, wraps_lines=True))
        if record.sends_after is not None and record.sends_after > self._context.now():
            cooling_off_text = translate("dialog.refund.cooling_off", at=record.sends_after)
            fact_list.add_fact(translate("dialog.refund.cooling_off_label"), TextLabel(cooling_off_text))
        return fact_list

    def _find_disabled_reason(self) -> str:
        if self.needs_order_number and (number_reason := self.order_number_check.find_disabled_reason()):
            return number_reason
        is_password_missing = self.needs_password and not self.password_field.text()
        return self._context.translate("dialog.approve.needs_password") if is_password_missing else ""

    def _make_decision_call(self) -> ActingCall[Refund]:
        refund_id, expected_version = self._details.record.id, self._details.record.version
        return lambda services, request_id: services.refunds.approve(
            refund_id, expected_version, request_id=request_id
        )

    @Slot()
    def _send_decision(self) -> None:
        """Send the approval. If the database is a database server, first check the typed password over a separate
        connection."""
        if self.is_busy or self._find_disabled_reason():
            return
        if not self.needs_password:
            self._send_call(self._make_decision_call())
            return
        password = self.password_field.text()
        self.password_field.hide_password()
        self.password_field.line_edit.clear()
        self.stays_open_text = self._context.translate("dialog.stays_open")
        self.set_busy(self._context.translate("dialog.busy"))
        check_password = self._context.bind_services(
            lambda services: services.sign_in_service.confirm_password(password)
        )
        confirmed_call = bind_password_to_call(self._make_decision_call(), password)

        def handle_confirmation(is_password_right: bool) -> None:
            if is_password_right:
                self._send_call(confirmed_call)
            else:
                self._ask_password_again(self._context.translate("lock.wrong.words"))

        self._context.runner.run(check_password, handle_confirmation, self._show_confirmation_failure, caller=self)

    def _show_confirmation_failure(self, failure: Failure) -> None:
        self._ask_password_again(self._context.format_failure(failure))

    def _ask_password_again(self, reason: str) -> None:
        """Enable the dialog again, and show the text `reason` at the password field, because the password was wrong
        or the program could not check it. The refund isn't approved yet."""
        self.allow_acting_again(self._context.translate("action.cancel"))
        self.main_button.show_text(self._context.translate("dialog.approve.act"))
        self._update_main_button()
        self.password_field.show_error(reason)
        self.password_field.line_edit.setFocus()


class RejectDialog(_DecisionDialog):
    """The dialog in which a person rejects a refund, with a reason that the maker will read."""

    decision_name = "reject"

    def _make_content(self) -> QWidget:
        translate, record = self._context.translate, self._details.record
        self.reason_field = MultiLineField(translate("dialog.reject.words"), translate)
        self.main_button.show_key("Ctrl+Enter")
        if record.maker != WORKER:  # the program reads no reason
            self.reason_field.show_hint(translate("dialog.reject.reads", maker=record.maker))
        if not isinstance(self.reason_field.edit, LineEdit):
            self.reason_field.edit.textChanged.connect(self._update_main_button)
        title = case_words.format_record_title(record, self._context)
        self._draft = DialogDraft(
            self._context, self, "reject", str(record.id), title, lambda: {"words": self.reason_field}
        )
        content = QWidget()
        effect_label = TextLabel(self._format_released_amount(), wraps_lines=True)
        draft_bars = [self._draft.bar] if self._draft.bar is not None else []
        content.setLayout(make_column(*draft_bars, self.reason_field, effect_label, gap_px=12))
        return content

    def _show_decision(self, refund: Refund) -> None:
        self._draft.delete()
        super()._show_decision(refund)

    def _show_failure(self, failure: Failure) -> None:
        self._draft.stop_storing()
        super()._show_failure(failure)

    def _find_disabled_reason(self) -> str:
        return "" if self._get_rejection_reason() else self._context.translate("dialog.reject.needs_words")

    def _get_rejection_reason(self) -> str:
        return self.reason_field.text().strip()

    def _make_decision_call(self) -> ActingCall[Refund]:
        refund_id, expected_version, reason = (
            self._details.record.id,
            self._details.record.version,
            self._get_rejection_reason(),
        )
        return lambda services, request_id: services.refunds.reject(
            refund_id, reason, expected_version, request_id=request_id
        )


class WithdrawDialog(_DecisionDialog):
    """The dialog in which the maker withdraws the refund request. This is possible until the refund is sent to the
    provider."""

    decision_name = "withdraw"
    right_name = "refund_withdraw"

    def _make_content(self) -> QWidget:
        content = QWidget()
        effect_bar = NotificationBar("", self._format_released_amount(), tone="text", icon_name="arrow_back")
        content.setLayout(make_column(effect_bar))
        return content

    def _make_decision_call(self) -> ActingCall[Refund]:
        refund_id = self._details.record.id
        return lambda services, request_id: services.refunds.withdraw(refund_id, request_id=request_id)


def _get_result_wording_key(name: str, refund: Refund) -> str:
    """Return the wording key of the text to show after the decision `name`. After an approval, the text says
    whether a second approval is needed and whether the refund has been sent."""
    if name != "approve":
        return f"dialog.{name}.ended"
    if refund.state is RefundState.REQUESTED:
        return "dialog.approve.ended_first"
    return "dialog.approve.ended" if refund.state is RefundState.APPROVED else "dialog.approve.ended_sent"


def make_decision_content(context: WindowContext, refund: Refund | None, result_bar: QWidget) -> QWidget:
    """Return the content of the dialog after a decision: `result_bar`, the widget that shows the result of the
    decision. If `refund` isn't None, the content also shows the badges of the refund, the reason for its state, and
    its next step.
    """
    widgets: list[QWidget] = [result_bar]
    if refund is not None:
        now = context.now()
        _, reason, next_step = record_words.format_explanation(case_words.explain_record(refund, now), context)
        widgets += [
            make_badge_row(context, refund),
            TextLabel(reason, wraps_lines=True),
            TextLabel(next_step, wraps_lines=True),
        ]
    content = QWidget()
    content.setLayout(make_column(*widgets, gap_px=12))
    return content


def format_decision_subtitle(context: WindowContext, details: RefundDetails) -> str:
    """Return the subtitle of a decision dialog: the number, order, corporation and provider of the payment, and the
    maker and time of the refund request."""
    payment = details.payment
    return context.translate(
        "dialog.decide.subtitle",
        number=payment.merchant_payment_id,
        order=details.order.merch_txn_id if details.order is not None else wording.NO_VALUE,
        company=case_words.format_company_name_and_number(details.record, context),
        provider=case_words.get_provider_name(payment.provider, context),
        maker=details.record.maker,
        at=details.record.created_at,
    )
