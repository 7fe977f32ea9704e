"""The approvals page: at the left the list of refund requests and proposed outcomes that wait for a second person,
at the right the selected one. A person decides a refund request here, and a proposed outcome on the page of its
record.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QBoxLayout, QWidget

from console.domain.access.permissions import WORKER, is_same_person
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.payments.service_results import ApprovalInbox, RefundDetails, RefundRequestSummary
from console.domain.payments.states import RefundState
from console.domain.recovery.records import WaitingProposal
from console.views.approvals.cards import PROPOSAL_CARD_KIND
from console.views.approvals.detail import RefundRequestPanel, format_approval_title, make_approval_badges
from console.views.approvals.list import ApprovalListPanel
from console.views.approvals.proposal import ProposalPanel, make_proposal_route
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import KeyHint, Page, set_tab_order
from console.views.pages.scroll_container import PageScrollArea
from console.views.presenters import records as case_words
from console.views.records.actions import RecordActionHandlers
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import ApprovalsRoute, QueuesRoute, RecordRef, make_route_to_record
from console.views.runtime.tasks import Failure
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, TitleLabel, discard_widget, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.placeholders import EmptyState, SkeletonRows, replace_by_empty_state
from console.views.widgets.layout.current_page_stack import CurrentPageStack
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.wording.sentences import catalogue as wording

if TYPE_CHECKING:
    from console.app import Console

_ANSWER_AGE_CHECK_INTERVAL_MS = 15_000
_MIN_SIDE_BY_SIDE_WIDTH_PX = 900  # px at text size 1
_DECISION_KEY_HINTS: tuple[KeyHint, ...] = (
    (("P",), "key.probe"),
    (("A",), "key.approve"),
    (("D",), "key.decline"),
    (("W",), "key.withdraw"),
    (("F1",), "key.help"),
)
_RIGHT_BY_DECISION = {"approve": "refund_approve", "reject": "refund_approve", "withdraw": "refund_withdraw"}
_REFUND_STATES_BEFORE_SENDING = frozenset({RefundState.REQUESTED, RefundState.APPROVED})


class ApprovalsPage(Page):
    """The page with the list of refund requests and proposed outcomes at the left, and the contents of the current
    one at the right. The selected card of the list is the current request or proposal, and the keys of the page apply
    to it. Until the data of a request is read for the first time, the keys of the decisions only show the reason why
    a decision isn't possible yet. After a decision, its result stays shown until the person selects another card or
    opens the page again.

    `proposal` is the current proposal; None while a refund request is current. A second person confirms a proposal
    with evidence on the page of its record, which the Enter key opens.

    The button "approve" is enabled only after the person has reached the end of the request, and only while the
    payment provider's last answer is recent.
    """

    sidebar_key = "approvals"
    gap_below_window_bar_px = 8
    help_key = "help.approvals"
    key_hints = (
        (("↓", "↑"), "key.other_request"),
        (("Space",), "key.read_on"),
        (("Enter",), "key.into_request"),
        *_DECISION_KEY_HINTS,
        *list_export.EXPORT_KEY_HINTS,
    )
    proposal_key_hints: tuple[KeyHint, ...] = (
        (("↓", "↑"), "key.other_request"),
        (("Enter",), "key.open"),
        (("F1",), "key.help"),
        *list_export.EXPORT_KEY_HINTS,
    )
    request_key_hints = (
        (("↓", "↑"), "key.scroll"),
        (("End",), "key.to_the_end"),
        (("Esc",), "key.to_the_list"),
        *_DECISION_KEY_HINTS,
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        self.action_handlers = RecordActionHandlers(
            context, self, is_probe_shown_in_bar=True, get_shown_ref=lambda: ("refund", self.refund_id)
        )
        self.exporter = ListExporter(context, self, lambda: ExportRequest(ListName.APPROVALS))
        self.inbox = ApprovalInbox((), ())
        self.proposals: tuple[WaitingProposal, ...] = ()
        self.refund_id = 0
        self.proposal: WaitingProposal | None = None
        self.list_panel, self.request_panel = ApprovalListPanel(context), RefundRequestPanel(context)
        self._make_request_head()
        self._make_footer()
        self._build_layout()
        self._connect_signals()

    # -- construction

    def _make_request_head(self) -> None:
        self.title = TitleLabel(wraps_lines=True, heading_level=2)
        self.request_summary_label = TextLabel("", "body", wraps_lines=True)
        self._badges = make_flow_widget(gap_px=8)

    def _make_footer(self) -> None:
        translate = self.context.translate
        self.reject_button = KeyButton(translate("action.reject"), "D", "danger", binds_key=False)
        self.approve_button = KeyButton(translate("action.approve"), "A", "primary", binds_key=False)
        self.withdraw_button = KeyButton(translate("action.withdraw"), "W", binds_key=False)
        self.notice_label = TextLabel("", "small", "muted", wraps_lines=True)
        self.disabled_reason_label = TextLabel("", "small", "text", wraps_lines=True)
        self.disabled_reason_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _build_layout(self) -> None:
        head = Surface(edge="bottom")
        self._title_row = make_row(self.title, gap_px=12)
        self._title_row.addWidget(self._badges)
        self._title_row.setStretch(0, 1)
        head.setLayout(make_column(self._title_row, self.request_summary_label, gap_px=2, margins=(24, 12, 24, 10)))
        self.footer = Surface(is_raised=True, edge="top")
        footer_parts = (
            self.reject_button,
            self.withdraw_button,
            self.notice_label,
            self.disabled_reason_label,
            self.approve_button,
        )
        footer_row = make_row(*footer_parts, gap_px=12, margins=(24, 8, 24, 8))
        footer_row.setStretch(2, 2)
        footer_row.setStretch(3, 3)
        self.footer.setLayout(footer_row)
        self.request_with_head = QWidget()
        self.request_with_head.setLayout(make_column(head, self.request_panel, gap_px=0))
        self.content = CurrentPageStack()
        self.empty_state = QWidget()
        self.empty_state_button: KeyButton | None = None
        self.placeholder_bars = SkeletonRows(6)
        self.proposal_panel = ProposalPanel(self.context)
        for content_widget in (self.empty_state, self.placeholder_bars, self.request_with_head, self.proposal_panel):
            self.content.addWidget(content_widget)
        self.content.currentChanged.connect(self._show_footer)
        scrolled = QWidget()
        self._scrolled_layout = make_column(self.content, gap_px=0)
        self._scrolled_layout.setStretch(0, 1)
        scrolled.setLayout(self._scrolled_layout)
        self.scroll_area = PageScrollArea(scrolled)
        right_side = QWidget()
        right_column = make_column(self.scroll_area, self.bars_below, self.footer, gap_px=0)
        right_column.setStretch(0, 1)
        right_side.setLayout(right_column)
        self._list_and_right_side_layout = make_row(self.list_panel, right_side, gap_px=0)
        self._list_and_right_side_layout.setStretch(1, 1)
        self._is_side_by_side = True
        self.set_page_name(self.context.translate("screen.approvals"))
        self.add_content(self._list_and_right_side_layout, 1)
        self.add_key_hints()

    def _connect_signals(self) -> None:
        self.list_panel.card_selected.connect(self._show_selected_card)
        self.list_panel.card_list.detail_focus_requested.connect(self._open_proposal_or_focus_request)
        self.list_panel.export_button.clicked.connect(self.exporter.ask_path_and_export_list)
        self.proposal_panel.record_requested.connect(self._open_proposal_or_focus_request)
        self.list_panel.card_list.scroll_requested.connect(self.request_panel.scroll_one_page)
        self.request_panel.list_requested.connect(self._focus_list)
        self.request_panel.end_reached.connect(self._update_buttons)
        self.request_panel.probe_requested.connect(self.probe_payment)
        self.request_panel.record_requested.connect(self._open_record)
        for key, button, act in (
            ("D", self.reject_button, self.open_rejection_dialog),
            ("A", self.approve_button, self.open_approval_dialog),
            ("W", self.withdraw_button, self.open_withdrawal_dialog),
        ):
            button.clicked.connect(act)
            self.bind_shortcut(key, partial(self.press_button, button))
        self.bind_shortcut("P", self.probe_payment)
        self.bind_shortcut("Ctrl+C", self._copy_payment_number)
        for signal in (
            self.context.people_changed,
            self.context.person_changed,
            self.context.connection_state_changed,
        ):
            signal.connect(self._update_buttons)
        self._placeholder_timer = QTimer(self, singleShot=True, interval=tokens().px("motion", "skeleton_after_ms"))
        self._placeholder_timer.timeout.connect(self._show_placeholder_bars)
        self._answer_age_timer = QTimer(
            self, interval=_ANSWER_AGE_CHECK_INTERVAL_MS
        )  # the provider's answer becomes too old while the person reads
        self._answer_age_timer.timeout.connect(self._update_approval_for_answer_age)
        self._answer_age_timer.start()
        self.request_panel.focus_moved.connect(self._update_key_hints)

    @property
    def hinted_shortcuts(self) -> Sequence[KeyHint]:
        """The keyboard shortcuts for the line at the bottom. If a proposal is current, these are the shortcuts of a
        proposal. Otherwise they are the shortcuts of the request while the focus is inside it, or else the shortcuts
        of the list. The shortcut of a decision that the person can't make about the shown request is left out."""
        if self.proposal is not None:
            return self.proposal_key_hints
        focused_widget = QApplication.focusWidget()
        is_in_request = focused_widget is not None and (
            focused_widget is self.request_panel or self.request_panel.isAncestorOf(focused_widget)
        )
        hints = self.request_key_hints if is_in_request else self.key_hints
        if self.shown_details is None:
            return hints
        buttons = {"A": self.approve_button, "D": self.reject_button, "W": self.withdraw_button}
        hidden_keys = {key for key, button in buttons.items() if button.isHidden()}
        return tuple(hint for hint in hints if not hidden_keys.intersection(hint[0]))

    @property
    def lower_bars(self) -> list[QWidget]:
        return [self.footer, *super().lower_bars]

    # -- reading

    def show_route(self, route: object) -> None:
        if isinstance(route, ApprovalsRoute):
            if route.id or self._is_refund_decided:
                self.refund_id, self.proposal = route.id, None
            self.refresh("entered")

    def list_focus_targets(self) -> Sequence[QWidget | None]:
        """Return the widgets that may get the focus when the page opens: the list, or the button of the empty page.
        A widget that is not shown is None. No decision button is among them, so that Enter never approves or rejects
        a request."""
        is_empty_shown = self.content.currentWidget() is self.empty_state
        return (
            self.list_panel.card_list if self.list_panel.cards else None,
            self.empty_state_button if is_empty_shown else None,
        )

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind in ("refund", "payment", "order", "credit-check") for kind, _ in changes)

    def read_data(self, reason: str) -> None:
        self.context.run_read(
            _read_waiting_decisions,
            lambda waiting: self._show_inbox(*waiting, is_automatic=reason == "changed"),
            self.show_reading_failure,
            caller=self,
            key="inbox",
        )
        if self.refund_id:
            self._read_refund(self.refund_id)

    def _show_inbox(
        self,
        inbox: ApprovalInbox,
        proposals: tuple[WaitingProposal, ...] = (),
        summaries: Mapping[int, RefundRequestSummary] | None = None,
        *,
        is_automatic: bool = False,
    ) -> None:
        if not self.refund_id:  # otherwise the reading of the request decides whether the shown data is up to date
            self.mark_data_read()
        self.inbox, self.proposals = inbox, proposals
        self.list_panel.show_inbox(inbox, proposals, summaries=summaries, is_automatic=is_automatic)
        self._update_sidebar_decision_count()
        if self.proposal is not None:
            self.proposal = self._find_proposal(self.proposal.id)
        if self.proposal is not None:
            self._show_proposal(self.proposal)
        elif self.refund_id:
            self.list_panel.select_card(("refund", self.refund_id))
        elif self.list_panel.first_ref is not None:
            self._show_selected_card(self.list_panel.first_ref)
        else:
            self._show_empty_state()
        confirmable_count = sum(not proposal.refusal for proposal in proposals)
        decidable_count = len(inbox.refunds_to_decide) + confirmable_count
        others_count = len(inbox.other_refunds) + len(proposals) - confirmable_count
        key = "approvals.count_cut" if inbox.is_cut else "approvals.count"
        self.hint_bar.status_label.show_text(self.context.translate(key, n=decidable_count, others=others_count))
        self.restore_focus()

    def _show_empty_state(self) -> None:
        translate, others_count = self.context.translate, len(self.inbox.other_refunds)
        explanation = (
            translate("approvals.empty_others", n=others_count) if others_count else translate("approvals.empty_hint")
        )
        self.empty_state_button = KeyButton(translate("action.open_queue"))
        self.empty_state_button.clicked.connect(self._open_empty_state_queue)
        empty_state = EmptyState(
            translate("approvals.empty"), explanation, icon_name="check", button=self.empty_state_button
        )
        replace_by_empty_state(self.content, self.empty_state, empty_state)
        self.empty_state = empty_state
        self._update_buttons()

    @Slot(object)
    def _show_selected_card(self, ref: RecordRef) -> None:
        """Show the request or proposal of the card that the person has selected."""
        if ref[0] != PROPOSAL_CARD_KIND:
            if self.proposal is not None or ref[1] != self.refund_id:
                self.show_refund(ref[1])
        elif (proposal := self._find_proposal(ref[1])) is not None:
            self._show_proposal(proposal)
        else:
            self._show_proposal_is_gone()

    def _show_proposal_is_gone(self) -> None:
        """Show that the proposal of the selected card no longer waits for a second person. (Its card is still in the
        list, because no card is removed while the mouse pointer is over the list.) From now on, no key acts on the
        request or proposal that was shown before.
        """
        self.refund_id, self.proposal, self.empty_state_button = 0, None, None
        empty_state = EmptyState(self.context.translate("queue.preview.removed"), icon_name="check")
        replace_by_empty_state(self.content, self.empty_state, empty_state)
        self.empty_state = empty_state
        self._update_buttons()
        self._update_key_hints()

    def _update_sidebar_decision_count(self) -> None:
        """Set the number beside this page's name in the sidebar to the number of requests and proposals that the
        acting person can decide. Refund requests count only with the right to approve refunds, proposals only with
        the right to confirm proposals."""
        context = self.context
        refunds = () if context.find_missing_right_reason("refund_approve") else self.inbox.refunds_to_decide
        proposals = () if context.find_missing_right_reason("resolve_second") else self.proposals
        context.replace_decisions_to_make((*refunds, *(proposal for proposal in proposals if not proposal.refusal)))

    def _find_proposal(self, proposal_id: int) -> WaitingProposal | None:
        return next((proposal for proposal in self.proposals if proposal.id == proposal_id), None)

    def _show_proposal(self, proposal: WaitingProposal) -> None:
        """Show this proposal and select its card in the list."""
        self.refund_id, self.proposal = 0, proposal
        self.list_panel.select_card((PROPOSAL_CARD_KIND, proposal.id))
        self.hide_ended_action_bar()
        self._update_buttons()
        self.proposal_panel.show_proposal(proposal)
        self.content.setCurrentWidget(self.proposal_panel)
        set_tab_order(self.list_panel.card_list, self.proposal_panel.open_button)
        self._update_key_hints()

    @Slot()
    def _open_proposal_or_focus_request(self) -> None:
        """Open the record of the current proposal, or move the focus into the current request."""
        if self.proposal is not None:
            self.context.navigate(make_proposal_route(self.proposal))
        else:
            self.request_panel.setFocus()
            bar, viewport = self.scroll_area.verticalScrollBar(), self.scroll_area.viewport()
            bar.setValue(bar.value() + self.request_with_head.mapTo(viewport, QPoint(0, 0)).y())

    @Slot()
    def _focus_list(self) -> None:
        self.list_panel.card_list.setFocus()
        self.scroll_area.scroll_to_focused_widget()

    def show_refund(self, id: int) -> None:
        """Read the refund request with this id from the service, show it, and select its card in the list."""
        if self.proposal is not None:
            self.proposal = None
            self._update_key_hints()
        self.refund_id = id
        self.reset_read_state()
        self.list_panel.select_card(("refund", id))
        self.hide_ended_action_bar()
        self._update_buttons()
        self._read_refund(id)
        self._placeholder_timer.start()

    @Slot()
    def _show_placeholder_bars(self) -> None:
        """Show grey placeholder bars in place of the previous request while the current one is being read."""
        if self.refund_id and self.shown_details is None:
            self.content.removeWidget(self.placeholder_bars)
            self.placeholder_bars.deleteLater()
            self.placeholder_bars = SkeletonRows(6)
            self.content.addWidget(self.placeholder_bars)
            self.content.setCurrentWidget(self.placeholder_bars)

    @property
    def shown_details(self) -> RefundDetails | None:
        """The data of the current refund request, to which all shortcuts apply; None while the data is being read."""
        details = self.request_panel.details
        return details if details is not None and details.record.id == self.refund_id else None

    @property
    def _is_refund_decided(self) -> bool:
        """True if the shown request no longer waits for an approval or for sending: it was rejected, withdrawn or
        sent, or has expired."""
        details = self.shown_details
        return details is not None and details.record.state not in _REFUND_STATES_BEFORE_SENDING

    def _read_refund(self, id: int) -> None:
        self.context.run_read(
            lambda services: services.refunds.read_refund(id),
            lambda details: self._show_details(id, details),
            lambda failure: self._show_details_failure(id, failure),
            caller=self,
            key=("refund", "show", id),
        )

    def _show_details_failure(self, id: int, failure: Failure) -> None:
        """Show that the refund with this id could not be read. Do nothing if the person has selected another request
        meanwhile, because its data may be up to date and its decisions possible."""
        if id == self.refund_id:
            self.show_reading_failure(failure)

    def _show_details(self, id: int, details: RefundDetails) -> None:
        if id != self.refund_id:
            return
        self.mark_data_read()
        self.request_panel.show_details(details)
        self._show_request_head(details)
        self.list_panel.show_refund(details.record)
        self.list_panel.select_card(("refund", id))
        self.content.setCurrentWidget(self.request_with_head)
        buttons = (self.reject_button, self.withdraw_button, self.approve_button)
        set_tab_order(self.list_panel.card_list, *self.request_panel.focus_stops, *buttons)
        self._update_buttons()
        self.restore_focus()

    def _show_request_head(self, details: RefundDetails) -> None:
        context, payment = self.context, details.payment
        self.title.show_text(format_approval_title(details, context))
        self.request_summary_label.show_text(
            context.translate(
                "approvals.whose",
                number=payment.merchant_payment_id,
                corporation=payment.corporation_number,
                amount=wording.format_amount(payment.captured_minor, payment.currency),
                provider=case_words.get_provider_name(payment.provider, context),
                maker=details.record.maker,
                at=details.record.created_at,
                age=context.format_age(details.record.created_at) if details.record.created_at else None,
            )
        )
        old_badges, self._badges = self._badges, make_flow_widget(*make_approval_badges(details, context), gap_px=8)
        self._title_row.replaceWidget(old_badges, self._badges)
        discard_widget(old_badges)

    # -- enabled actions

    @Slot()
    def _update_approval_for_answer_age(self) -> None:
        """If the payment provider's last answer has become too old for an approval, show this in the request and
        disable the approval. A timer calls this.
        """
        details = self.shown_details
        if (
            details is not None
            and self.isVisible()
            and self.approve_button.isEnabled()
            and self.request_panel.format_stale_answer(details)
        ):
            self.request_panel.show_details(details)
        self._update_buttons()

    @Slot()
    def _update_buttons(self) -> None:
        """Show the buttons of the decisions that are possible for the shown request. Disable each button that the
        acting person may not use, and show the reason. While no request is shown, disable all buttons."""
        details = self.shown_details
        if details is None:  # no button acts on the previous request
            reason_key = "screen.reading" if self.refund_id else "act.none_selected"
            reason_key = reason_key if self.proposal is None else "approvals.proposal_hint"
            for button in (self.reject_button, self.approve_button, self.withdraw_button):
                button.disable_with_reason(self.context.translate(reason_key))
            return
        is_own = self.is_own_request(details)
        is_undecided = details.record.state is RefundState.REQUESTED
        self.reject_button.setVisible(not is_own and is_undecided)
        self.approve_button.setVisible(not is_own and details.record.state in _REFUND_STATES_BEFORE_SENDING)
        self.withdraw_button.setVisible(is_own and details.record.state in _REFUND_STATES_BEFORE_SENDING)
        self._show_footer()
        self._update_key_hints()
        for button, disabled_reason in (
            (self.reject_button, self._find_disabled_reason(details, "reject")),
            (self.approve_button, self.find_approval_disabled_reason(details)),
            (self.withdraw_button, self._find_disabled_reason(details, "withdraw")),
        ):
            if disabled_reason:
                button.disable_with_reason(disabled_reason)
            else:
                button.enable_button()
        self._show_texts_beside_buttons(details)

    def _show_texts_beside_buttons(self, details: RefundDetails) -> None:
        """Show the two texts beside the decision buttons. The second text is the reason why "approve" is disabled;
        without such a reason it is hidden. The first text is the first of these that applies: for the maker, the
        reason why "withdraw" is disabled, or else a sentence about own requests; the reason why "reject" is disabled,
        unless it is equal to the second text; while the request isn't decided, the sentence that the maker gets the
        reason of a rejection. There is no such sentence if the program itself is the maker.
        """
        is_own = self.is_own_request(details)
        is_undecided = details.record.state is RefundState.REQUESTED
        approval_reason = "" if self.approve_button.isHidden() else self.approve_button.reason
        maker = details.record.maker
        has_reader = is_undecided and maker != WORKER
        notice = self.context.translate("approvals.maker_reads", maker=maker) if has_reader else ""
        if is_own:
            notice = self.withdraw_button.reason or self.context.translate("approvals.own")
        elif is_undecided and self.reject_button.reason:
            notice = self.reject_button.reason if self.reject_button.reason != approval_reason else ""
        for label, text in ((self.notice_label, notice), (self.disabled_reason_label, approval_reason)):
            label.show_text(text)
            label.setVisible(bool(text))

    def update_outdated_actions(self) -> None:
        self._update_buttons()

    @Slot()
    def _show_footer(self) -> None:
        """Show the footer with the decision buttons below a request that isn't sent yet; hide it otherwise."""
        details = self.shown_details
        is_shown = self.content.currentWidget() is self.request_with_head
        self.footer.setVisible(
            is_shown and (details is None or details.record.state in _REFUND_STATES_BEFORE_SENDING)
        )

    def is_own_request(self, details: RefundDetails) -> bool:
        """Return True if the acting person is the maker of the refund. A maker can withdraw the refund but can't
        approve or reject it.
        """
        return is_same_person(details.record.maker, self.context.operator or "")

    def _find_disabled_reason(self, details: RefundDetails, action_name: str) -> str:
        """Return the reason why the acting person can't do the action `action_name` (approve, reject, withdraw) on
        this refund: the person lacks the right, the request could not be read again, or the service doesn't allow the
        action. Return "" if the action is possible."""
        missing_right = self.context.find_disabled_reason(_RIGHT_BY_DECISION[action_name])
        if missing_right or self.find_outdated_reason():
            return missing_right or self.find_outdated_reason()
        action = next((offer for offer in details.actions if offer.action == action_name), None)
        if action is None or action.allowed:
            return ""
        return self.context.translate(action.reason or "reason.role", **action.facts)

    def find_approval_disabled_reason(self, details: RefundDetails) -> str:
        """Return the reason why the button "approve" is disabled: the person lacks the right, the service doesn't
        allow the approval, the provider's last answer is too old, or the person has not reached the end of the
        request. Return "" if the button is enabled.
        """
        service_reason = self._find_disabled_reason(details, "approve")
        if service_reason:
            return service_reason
        if self.request_panel.format_stale_answer(details):
            return self.context.translate("approvals.off_old")
        return "" if self.request_panel.is_read else self.context.translate("approvals.off_unread")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Adapt the layout to the new width. In a narrow window the badges are below the title, and the request is
        below the list. The list and the request then scroll together, and the buttons of the decision stay visible
        below them."""
        super().resizeEvent(event)
        is_side_by_side = self.width() >= _MIN_SIDE_BY_SIDE_WIDTH_PX * current_appearance().scale
        directions = QBoxLayout.Direction
        self._title_row.setDirection(directions.LeftToRight if is_side_by_side else directions.TopToBottom)
        self._title_row.setStretch(0, 1 if is_side_by_side else 0)  # above the badges it takes no free height
        if is_side_by_side != self._is_side_by_side:
            self._is_side_by_side = is_side_by_side
            self._place_list()
        for panel in (self.list_panel, self.request_panel):
            panel.arrange_panels(is_side_by_side=is_side_by_side)

    def _place_list(self) -> None:
        """Put the list beside the request if there is room (`_is_side_by_side`); otherwise above it, into the area
        that scrolls with the request."""
        had_focus = self.list_panel.card_list.hasFocus()
        if self._is_side_by_side:
            self._list_and_right_side_layout.insertWidget(0, self.list_panel)
        else:
            self._scrolled_layout.insertWidget(0, self.list_panel)
        if had_focus:  # Qt takes it away with the old place
            self.list_panel.card_list.setFocus()

    # -- actions

    @Slot()
    def probe_payment(self) -> None:
        """Ask the payment provider for the present state of the payment that the shown refund belongs to. If no
        refund is shown, only show a refusal."""
        if self.shown_details is not None:
            self.action_handlers.probe_record(self.shown_details.payment)
        else:
            self.show_key_refusal(self.context.translate("act.not_for_selected"))

    @Slot()
    def open_approval_dialog(self) -> None:
        """Open the dialog in which the person approves the shown refund; do nothing if the button is disabled."""
        if self.shown_details is not None and self.approve_button.isEnabled():
            self.hide_ended_action_bar()
            self.action_handlers.open_approve_dialog(self.shown_details)

    @Slot()
    def open_rejection_dialog(self) -> None:
        """Open the dialog in which the person rejects the shown refund; do nothing if the button is disabled."""
        if self.shown_details is not None and self.reject_button.isEnabled():
            self.hide_ended_action_bar()
            self.action_handlers.open_reject_dialog(self.shown_details)

    @Slot()
    def open_withdrawal_dialog(self) -> None:
        """Open the dialog in which the person withdraws the shown refund; do nothing if the button is disabled."""
        if self.shown_details is not None and self.withdraw_button.isEnabled():
            self.hide_ended_action_bar()
            self.action_handlers.open_withdraw_dialog(self.shown_details)

    @Slot(str, int)
    def _open_record(self, kind: str, id: int) -> None:
        self.context.navigate(make_route_to_record(kind, id, (), "approvals"))

    @Slot()
    def _open_empty_state_queue(self) -> None:
        self.context.navigate(QueuesRoute("refunds"))

    @Slot()
    def _copy_payment_number(self) -> None:
        if self.shown_details is not None:
            self.action_handlers.copy_text(self.shown_details.payment.merchant_payment_id)


def _read_waiting_decisions(
    services: "Console",
) -> tuple[ApprovalInbox, tuple[WaitingProposal, ...], Mapping[int, RefundRequestSummary]]:
    """Return the refund requests and proposed outcomes that wait for a second person, and, by refund id, the
    summaries of the first MAX_REFUND_SUMMARIES refund requests; requests that the acting person can decide come
    first."""
    inbox, proposals = services.refunds.read_inbox(), services.recovery.list_proposals()
    ids = [refund.id for refund in (*inbox.refunds_to_decide, *inbox.other_refunds)]
    return inbox, proposals, services.refunds.read_summaries(ids)
