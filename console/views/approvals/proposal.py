"""The panel of the approvals page that shows a proposed outcome. A person confirms it with evidence on the page of
the record, which this panel's button opens."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from console.domain.recovery.records import WaitingProposal
from console.views.approvals.cards import (
    format_proposal_amount,
    format_proposal_refusal,
    format_proposal_title,
)
from console.views.money.base_page import make_fact_list
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import OperationRoute, Route, make_route_to_record
from console.views.widgets.base import Surface, TextLabel, TitleLabel, discard_widget, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.wording.records import format_proposal_reason, get_proposed_state_word, get_record_company_name
from console.wording.sentences import catalogue as wording

_CONTENT_MARGIN_PX = 24


class ProposalPanel(QWidget):
    """The panel that shows a proposed outcome: the title of its record, the proposed state, the person who
    proposed it and that person's reason, and a button that opens the record.

    Signals:
    - record_requested: the person has pressed the button.
    """

    record_requested = Signal()

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self._context = context
        self._title = TitleLabel(wraps_lines=True, heading_level=2)
        self.sentence_label = TextLabel("", wraps_lines=True)
        self.open_button = KeyButton(context.translate("action.open_record"), "Enter", "primary", binds_key=False)
        self.open_button.clicked.connect(self._request_record)
        head = Surface(edge="bottom")
        head.setLayout(make_column(self._title, margins=(_CONTENT_MARGIN_PX, 12, _CONTENT_MARGIN_PX, 12)))
        self._fact_list: QWidget = make_fact_list()
        self._content_column = make_column(
            self._fact_list,
            self.sentence_label,
            make_row(self.open_button, None),
            None,
            gap_px=14,
            margins=(_CONTENT_MARGIN_PX, 14, _CONTENT_MARGIN_PX, 16),
        )
        panel_column = make_column(head, gap_px=0)
        panel_column.addLayout(self._content_column, 1)
        self.setLayout(panel_column)

    def show_proposal(self, proposal: WaitingProposal) -> None:
        context, translate = self._context, self._context.translate
        self._title.show_text(format_proposal_title(proposal, context))
        old_fact_list, self._fact_list = (
            self._fact_list,
            make_fact_list(
                (
                    translate("approvals.proposed_outcome"),
                    get_proposed_state_word(proposal.kind, proposal.state, context),
                ),
                (translate("column.amount"), format_proposal_amount(proposal, context)),
                (translate("column.corporation"), get_record_company_name(proposal, context) or None),
                (
                    translate("field.corporation_number"),
                    wording.format_corporation_number(proposal.corporation_number)
                    if proposal.corporation_number
                    else None,
                ),
                (
                    translate("approvals.proposed_who"),
                    translate("approvals.asked_by", maker=proposal.person, at=proposal.since),
                ),
                (translate("field.reason"), format_proposal_reason(proposal.evidence_summary, context)),
            ),
        )
        self._content_column.replaceWidget(old_fact_list, self._fact_list)
        discard_widget(old_fact_list)
        self.sentence_label.show_text(
            format_proposal_refusal(proposal, context) or translate("approvals.proposal_hint")
        )
        self.setAccessibleName(f"{self._title.plain}: {self.sentence_label.plain}")

    @Slot()
    def _request_record(self) -> None:
        self.record_requested.emit()


def make_proposal_route(proposal: WaitingProposal) -> Route:
    """Return the route to the page of the record whose outcome is proposed."""
    if proposal.kind == "operation":
        return OperationRoute(proposal.record_id)
    return make_route_to_record(proposal.kind, int(proposal.record_id), (), "approvals")
