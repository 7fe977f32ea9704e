"""The form in the purchase dialog: client, deal, purposes, comment, and the existing credit checks of the
corporation."""

from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLayout, QWidget

from console.domain.records import CreditCheck, PurchaseRequest
from console.domain.recovery.decision_rules import has_expired, is_denied_but_bought
from console.domain.registry.facts import CorporationFacts
from console.domain.service_results import PurchasePlan
from console.views.runtime.context import WindowContext
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import LinkButton
from console.views.widgets.controls.inputs import CheckBox, DropDownList, Field, LineEdit, make_labelled_control
from console.views.widgets.display.record_parts import FactList
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.registry import (
    format_corporation_closure_heading,
    format_purchase_warning,
    format_registry_source,
)

_BUSINESS_DEAL_CODES = (1, 2, 9)
_PURCHASE_PURPOSE_CODES = (4, 1, 2, 3, 9)


class PurchaseForm(QWidget):
    """The form with the inputs of a purchase. `client` is the id of the client to select at first; None selects
    the only client, if there is only one.

    Signals:
    - changed: the person has selected another client, so `find_disabled_reason` may return another reason.
    - record_requested(int): the person wants to open the live credit check with this id in place of buying another
      one.
    - number_requested(str): the person wants to open the company with this corporation number, into which the
      company of the form was merged.
    """

    changed = Signal()
    record_requested = Signal(int)
    number_requested = Signal(str)

    def __init__(self, context: WindowContext, plan: PurchasePlan, client: str | None) -> None:
        super().__init__()
        self._context, self._plan = context, plan
        translate = context.translate
        self.client_input: DropDownList | Field = (
            self._make_client_list(client) if plan.client_ids else self._make_client_field(client)
        )
        self.deal_list = DropDownList(translate("field.deal"), placeholder=translate("word.unset"))
        for deal in _BUSINESS_DEAL_CODES:
            self.deal_list.addItem(
                translate("dialog.purchase.choice", number=deal, words=translate(f"deal.{deal}")), deal
            )
        self.deal_list.setCurrentIndex(-1)
        self.purpose_boxes = [
            CheckBox(translate(f"purchase_reason.{purpose}")) for purpose in _PURCHASE_PURPOSE_CODES
        ]
        self.comment_field = Field(translate("field.comment"))
        if isinstance(self.comment_field.edit, LineEdit):
            self.comment_field.edit.setMaxLength(500)
        self._live_check_label = TextLabel("", wraps_lines=True)
        self._record_link = LinkButton(translate("action.open_record"), has_arrow=True)
        keep_height = self._record_link.sizePolicy()
        keep_height.setRetainSizeWhenHidden(True)  # so that its line stays as high as the lines below it
        self._record_link.setSizePolicy(keep_height)
        self._record_link.clicked.connect(self._open_live_check)
        self.setLayout(self._build_layout())
        self._show_live_check()

    def _make_client_list(self, client: str | None) -> DropDownList:
        client_list = DropDownList(
            self._context.translate("field.client"),
            placeholder=self._context.translate("dialog.purchase.choose_client"),
        )
        client_list.addItems(list(self._plan.client_ids))
        chosen_client = client if client in self._plan.client_ids else None
        if chosen_client is None and len(self._plan.client_ids) == 1:
            chosen_client = self._plan.client_ids[0]
        client_list.setCurrentIndex(self._plan.client_ids.index(chosen_client) if chosen_client else -1)
        client_list.currentIndexChanged.connect(self._show_live_check)
        return client_list

    def _make_client_field(self, client: str | None) -> Field:
        field = Field(self._context.translate("field.client"), role="data")
        if isinstance(field.edit, LineEdit):
            field.edit.setText(client or "")
            field.edit.textChanged.connect(self._show_live_check)
        return field

    def _build_layout(self) -> QLayout:
        translate = self._context.translate
        cost = NotificationBar(
            translate("dialog.purchase.cost"), translate("dialog.purchase.final"), tone="care", icon_name="warning"
        )
        client: QWidget = self.client_input
        if isinstance(client, DropDownList):
            client = make_labelled_control(translate("field.client"), client)
        client_and_deal = make_row(client, make_labelled_control(translate("field.deal"), self.deal_list), gap_px=16)
        client_and_deal.setStretch(0, 1)
        client_and_deal.setStretch(1, 1)
        purposes = make_column(
            TextLabel(translate("field.purpose"), "small", "muted"),
            make_flow_widget(*self.purpose_boxes, gap_px=14),
            gap_px=2,
        )
        existing_panel = Surface(edge="all")
        existing_panel.setLayout(make_column(self._make_existing_records(), margins=(12, 8, 12, 8)))
        title = TextLabel(translate("dialog.purchase.here"), "small", "muted")
        facts = self._plan.corporation
        advice = (
            [self._make_registry_bar(facts)]
            if facts is not None and (facts.corporation is None or facts.purchase_warning)
            else []
        )
        records = make_column(title, existing_panel, gap_px=4)
        return make_column(cost, *advice, client_and_deal, purposes, self.comment_field, records, gap_px=14)

    def _make_registry_bar(self, facts: CorporationFacts) -> QWidget:
        """Return the bar which says that the registry doesn't have the number, or that the company was closed, with a
        link to its successor. The person can still buy."""
        translate = self._context.translate
        if facts.corporation is None:
            bar = NotificationBar(
                format_purchase_warning(facts, translate), tone="care", icon_name="question", is_narrow=True
            )
        else:
            bar = self._make_closure_bar(facts)
        panel = QWidget()
        source = TextLabel(format_registry_source(facts.registry_date, translate), "small", "muted", wraps_lines=True)
        panel.setLayout(make_column(bar, source, gap_px=4))
        return panel

    def _make_closure_bar(self, facts: CorporationFacts) -> NotificationBar:
        translate, successor, link = self._context.translate, facts.offered_successor, None
        if successor is not None:
            link = LinkButton(translate("corporation.open_successor"))
            link.clicked.connect(partial(self.number_requested.emit, successor.number))
        warning = format_purchase_warning(facts, translate)
        return NotificationBar(
            format_corporation_closure_heading(facts, translate),
            warning,
            tone="care",
            icon_name="ring_slash",
            is_narrow=True,
            second_button=link,
        )

    def _make_existing_records(self) -> FactList:
        """Return the list with the existing credit checks of this corporation, and with a purchase of it that is
        running now."""
        translate, plan = self._context.translate, self._plan
        facts = FactList()
        live_panel = QWidget()
        live_panel.setLayout(make_row(self._live_check_label, self._record_link, gap_px=8))
        facts.add_fact(translate("dialog.purchase.live"), live_panel)
        facts.add_fact(translate("dialog.purchase.last"), TextLabel(_format_last_purchase(self._context, plan)))
        running_purchase = plan.purchase_holder
        sentence = (
            translate("dialog.purchase.running_now", holder=running_purchase, since=running_purchase.since)
            if running_purchase
            else translate("dialog.purchase.none_read", at=plan.read_at)
        )
        facts.add_fact(translate("dialog.purchase.running"), TextLabel(sentence))
        return facts

    def get_draft_inputs(self) -> dict[str, QWidget]:
        """Return the widgets whose contents a draft stores, by the name of the input."""
        purposes = {
            f"purpose.{purpose}": box
            for purpose, box in zip(_PURCHASE_PURPOSE_CODES, self.purpose_boxes, strict=True)
        }
        return {"client": self.client_input, "deal": self.deal_list, **purposes, "comment": self.comment_field}

    # -- choices

    @property
    def client_id(self) -> str:
        """The id of the client that the person has selected or typed; "" if the person has given none."""
        if isinstance(self.client_input, DropDownList):
            return self.client_input.currentText() if self.client_input.currentIndex() >= 0 else ""
        return self.client_input.text().strip()

    @property
    def live_check(self) -> CreditCheck | None:
        """The live credit check of the selected client, which blocks another purchase until its validity ends;
        None if there is none."""
        return next((record for record in self._plan.live_checks if record.client_id == self.client_id), None)

    @property
    def is_renewal(self) -> bool:
        """True if the validity of the selected client's live credit check has ended, so that the purchase renews it.
        False for a credit check without AlarmBox's id, because AlarmBox can't confirm the end of its validity."""
        live_check = self.live_check
        return (
            live_check is not None
            and live_check.credit_check_id is not None
            and has_expired(live_check, self._context.now())
        )

    def find_disabled_reason(self) -> str:
        """Return the reason why the person can't buy with the present inputs; "" if the purchase is possible."""
        translate = self._context.translate
        if not self.client_id:
            return translate("dialog.purchase.client_missing")
        if any(record.client_id == self.client_id for record in self._plan.denied_checks):
            return translate("dialog.purchase.denied_but_bought")
        return translate("dialog.purchase.live_one") if self.live_check is not None and not self.is_renewal else ""

    def make_request(self) -> PurchaseRequest:
        """Return the purchase request with the present inputs."""
        chosen_purposes = [
            purpose
            for purpose, box in zip(_PURCHASE_PURPOSE_CODES, self.purpose_boxes, strict=True)
            if box.isChecked()
        ]
        deal = self.deal_list.currentData() if self.deal_list.currentIndex() >= 0 else None
        comment = self.comment_field.text().strip() or None
        corporation_number = self._plan.corporation_number
        return PurchaseRequest(
            corporation_number, self.client_id, deal, tuple(chosen_purposes), comment, self.is_renewal
        )

    @Slot()
    def _show_live_check(self) -> None:
        """Show the sentence about the live credit check of the selected client: the credit check is valid, its
        validity has ended, or there is none (but perhaps other clients have one). While no client is selected, name
        the clients that have a live credit check."""
        translate, live_check = self._context.translate, self.live_check
        if live_check is None:
            client_ids = sorted({record.client_id for record in self._plan.live_checks}, key=int)
            key = "live_other" if self.client_id else "live_client"
            key = key if len(client_ids) == 1 else f"{key}s"
            self._live_check_label.show_text(
                translate(f"dialog.purchase.{key}", clients=client_ids)
                if client_ids
                else translate("dialog.purchase.none")
            )
        elif self.is_renewal:
            self._live_check_label.show_text(
                translate("dialog.purchase.last_renewal", expired_at=live_check.expired_at)
            )
        else:
            self._live_check_label.show_text(translate("record.title", id=live_check.id))
        self._record_link.setVisible(live_check is not None)
        self.changed.emit()

    @Slot()
    def _open_live_check(self) -> None:
        if self.live_check is not None:
            self.record_requested.emit(self.live_check.id)


def _format_last_purchase(context: WindowContext, plan: PurchasePlan) -> str:
    last = plan.last_ended_check
    if last is None:
        return context.translate("dialog.purchase.none")
    if is_denied_but_bought(last):
        return context.translate("dialog.purchase.last_denied", id=last.id)
    if last.expired_at is not None:
        return context.translate("dialog.purchase.last_until", id=last.id, expired_at=last.expired_at)
    return context.translate("dialog.purchase.last_state", id=last.id, state=last.state.value)
