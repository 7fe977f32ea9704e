"""The dialog in which a person buys a credit check. It shows first the form, then the running call, then the
outcome."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.errors import ErrorCode
from console.domain.records import CreditCheck, Operation
from console.domain.service_results import PurchasePlan
from console.views.pages.call_steps import CallStepList, ReachedStepCollector
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.permission_buttons import block_button_while_read_only
from console.views.pages.withdrawal import is_request_withdrawn, make_withdrawn_bar
from console.views.purchase import outcome
from console.views.purchase.form import PurchaseForm
from console.views.runtime.context import Toast, WindowContext
from console.views.runtime.routes import CreditCheckRoute, LookupRoute, OperationRoute
from console.views.runtime.tasks import Failure
from console.views.widgets.base import make_column
from console.views.widgets.window.dialog import DialogFrame
from console.wording.sentences import catalogue as wording


class PurchaseDialog(DialogFrame):
    """The dialog in which a person buys a credit check. If the provider has charged the purchase but parts of the
    credit check are missing, the dialog shows success, not an error. If the provider hasn't answered, the
    dialog shows an unknown outcome, not a failure.
    """

    def __init__(self, context: WindowContext, plan: PurchasePlan, client: str | None, parent: QWidget) -> None:
        """`client` is the id of the client to select at first; None selects the only client, if there is only one."""
        translate = context.translate
        super().__init__(
            translate("dialog.purchase.title", number=plan.corporation_number),
            get_company_name(plan),
            cancel_text=translate("action.cancel"),
            main_button_text=translate("dialog.purchase.act"),
            close_name=translate("action.close"),
            parent=parent,
        )
        block_button_while_read_only(context, self.main_button, "purchase")
        self._context, self._plan = context, plan
        self._steps = ReachedStepCollector(context)
        self._record: CreditCheck | Operation | None = None
        self.form = PurchaseForm(context, plan, client)
        self.form.changed.connect(self._update_main_button)
        self.form.record_requested.connect(self._open_credit_check)
        self.form.number_requested.connect(self._open_company)
        corporation_number = plan.corporation_number
        self._draft = DialogDraft(
            context, self, "purchase", corporation_number, corporation_number, self.form.get_draft_inputs
        )
        content = QWidget()
        widgets_above = [self._draft.bar] if self._draft.bar is not None else []
        content.setLayout(make_column(*widgets_above, self.form, gap_px=12))
        self.show_content(content)
        self.main_button.clicked.connect(self._buy_check)
        self._update_main_button()

    @Slot()
    def _update_main_button(self) -> None:
        """Set the title of the dialog and the text of the main button for the selected client: buy or renew. If
        the purchase isn't possible, disable the button with the reason."""
        translate, kind = self._context.translate, "renew" if self.form.is_renewal else "buy"
        titles = {"renew": "dialog.purchase.renew_title", "buy": "dialog.purchase.title"}
        label_keys = {"renew": "dialog.purchase.renew_act", "buy": "dialog.purchase.act"}
        self.show_title(translate(titles[kind], number=self._plan.corporation_number), get_company_name(self._plan))
        self.main_button.show_text(translate(label_keys[kind]))
        disabled_reason = self.form.find_disabled_reason()
        if disabled_reason:
            self.disable_main_button(disabled_reason)
        else:
            self.enable_main_button(translate("dialog.enter_cancels"))

    @Slot()
    def _buy_check(self) -> None:
        if self.is_busy:
            return
        context, request, report = self._context, self.form.make_request(), self._steps.report_step
        self._draft.stop_storing()
        self.set_busy(context.translate("dialog.purchase.busy"))
        self.show_title(context.translate("dialog.purchase.asking_title"), self._format_subtitle())
        self.show_content(CallStepList(context, self._steps))
        context.run_acting_call(
            lambda services, request_id: services.credit_checks.purchase(request, report, request_id=request_id),
            self._show_purchase,
            self._show_failure,
            caller=self,
            label=context.translate("act.purchase", number=request.corporation_number),
            make_toast=lambda record: Toast(
                context.translate("dialog.purchase.bought_title"),
                route=CreditCheckRoute(record.id),
                subject_title=context.translate("record.title", id=record.id),
            ),
            attempt=("purchase", request),
            key=("purchase", request.client_id, request.corporation_number),
        )

    # -- outcome

    def _show_purchase(self, record: CreditCheck) -> None:
        self._draft.delete()
        translate = self._context.translate
        self._show_final_content(
            translate("dialog.purchase.bought_title"),
            outcome.make_purchase_content(self._context, record, self._steps),
            record,
        )

    def _show_failure(self, failure: Failure) -> None:
        context, stored_record = self._context, failure.detail.get("record")
        record = stored_record if isinstance(stored_record, CreditCheck | Operation) else None
        if failure.code == ErrorCode.OUTCOME_UNKNOWN and not failure.is_answer_missing:
            self._draft.delete()  # the record shows the entered purchase
            content = outcome.make_unknown_outcome_content(context, self._plan, record, self._steps, failure)
            self._show_final_content(context.translate("dialog.purchase.unknown_title"), content, record)
            self.hint.show_text(context.translate("dialog.purchase.no_list_call"))
        elif is_request_withdrawn(failure):
            self._show_final_content(
                context.translate("dialog.withdraw.done"), make_withdrawn_bar(context, failure), None
            )
        else:
            content = outcome.make_refusal_content(context, record, failure)
            title_key = "unknown_title" if failure.may_have_acted else "refused_title"
            self._show_final_content(context.translate(f"dialog.purchase.{title_key}"), content, record)

    def _show_final_content(self, title: str, content: QWidget, record: CreditCheck | Operation | None) -> None:
        """Show the end of the purchase: `title` as the title of the dialog, and `content` as its content. The main
        button opens the page of `record`; if `record` is None, the button is hidden."""
        translate = self._context.translate
        self._record = record
        open_button_text = translate("action.open_record") if record is not None else ""
        self.show_outcome(
            title,
            self._format_subtitle(),
            content,
            close_text=translate("action.close"),
            main_button_text=open_button_text,
        )
        if record is not None:
            self.main_button.clicked.connect(self._open_record)
            self.main_button.setFocus()

    def _format_subtitle(self) -> str:
        """Return the subtitle of the dialog: the company, the corporation number, and the client for which the
        person buys."""
        company, corporation_number = get_company_name(self._plan) or None, self._plan.corporation_number
        client = self._context.translate("record.client", client=self._client)
        return self._context.translate(
            "dialog.purchase.subtitle", company=company, number=corporation_number, client=client
        )

    def set_busy(self, busy_text: str) -> None:
        self._client = self.form.client_id  # the form is deleted when the call begins
        super().set_busy(busy_text)
        self.hint.show_text(self._context.translate("dialog.purchase.no_cancel"))

    @Slot()
    def _open_record(self) -> None:
        record = self._record
        self.accept()
        if isinstance(record, CreditCheck):
            self._context.navigate(CreditCheckRoute(record.id))
        elif isinstance(record, Operation):
            self._context.navigate(OperationRoute(record.id))

    @Slot(str)
    def _open_company(self, corporation_number: str) -> None:
        self.reject()
        self._context.navigate(LookupRoute(wording.format_corporation_number(corporation_number)))

    @Slot(int)
    def _open_credit_check(self, id: int) -> None:
        self.reject()
        self._context.navigate(CreditCheckRoute(id))


def get_company_name(plan: PurchasePlan) -> str:
    """Return the official name of the plan's company. If the registry doesn't have the company, return the company
    name in an existing credit check; return "" if there is no such name either."""
    records = [*plan.live_checks, *([plan.last_ended_check] if plan.last_ended_check else [])]
    official_name = plan.corporation.corporation.name if plan.corporation and plan.corporation.corporation else ""
    return official_name or next((record.company_name for record in records if record.company_name), "")
