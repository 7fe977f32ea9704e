"""The approvals page: at the left the list of refund requests and proposed outcomes that wait for a second person,
at the right the selected one. A person decides a refund request here, and a proposed outcome on the page of its
record.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QBoxLayout, QStackedWidget, QWidget

from console.domain.access.permissions import is_same_person
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.payments.service_results import ApprovalInbox, RefundDetails, RefundRequestSummary
from console.domain.payments.states import RefundState
from console.domain.recovery.records import WaitingProposal
from console.views.approvals.cards import PROPOSAL_KIND
from console.views.approvals.detail import ApprovalView, format_approval_title, make_approval_badges
from console.views.approvals.list import ApprovalListPanel
from console.views.approvals.proposal import ProposalPanel, make_proposal_route
from console.views.exports import list_export
from console.views.exports.list_export import ListExporter
from console.views.pages.base import KeyHint, Page, set_tab_order
from console.views.presenters import records as case_words
from console.views.records.actions import RecordActionHandlers
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import ApprovalsRoute, QueuesRoute, RecordRef, make_route_to_record
from console.views.theme.design_tokens import tokens
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, TitleLabel, make_column, make_row
from console.views.widgets.buttons import KeyButton
from console.views.widgets.flow_layout import make_flow_widget
from console.views.widgets.placeholders import EmptyState, SkeletonRows, replace_empty_state
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
_REFUND_STATES_BEFORE_SENDING = frozenset({RefundState.REQUESTED, RefundState.APPROVED})


class ApprovalsPage(Page):
    """The page with the list of refund requests and proposed outcomes at the left, and the contents of the current
    one at the right. The selected card of the list is the current request or proposal, on which the keys act. Until
    the data of a request is read for the first time, the keys of the decisions only show the reason why a decision
    isn't possible yet. After a decision, its result stays shown until the person selects another card or opens the
    page again.

    `proposal` is the current proposal; None while a refund request is current. A second person confirms a proposal
    with evidence on the page of its record, which the Enter key opens.

    The button "approve" is enabled only after the person has reached the end of the request, and only while the
    payment provider's last answer is recent.
    """

    sidebar_key = "approvals"
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
    )
    request_key_hints = (
        (("↓", "↑"), "key.scroll"),
        (("End",), "key.to_the_end"),
        (("Esc",), "key.to_the_list"),
        *_DECISION_KEY_HINTS,
    )

    def __init__(self, context: WindowContext) -> None:
        super().__init__(context)
        self.action_handlers = RecordActionHandlers(context, self, is_probe_shown_in_bar=True)
        self.exporter = ListExporter(context, self, lambda: ExportRequest(ListName.APPROVALS))
        self.inbox = ApprovalInbox((), ())
        self.proposals: tuple[WaitingProposal, ...] = ()
        self.refund_id = 0
        self.proposal: WaitingProposal | None = None
        self.list, self.view = ApprovalListPanel(context), ApprovalView(context)
        self._make_request_head()
        self._make_footer()
        self._build_layout()
        self._connect_signals()

    # -- construction

    def _make_request_head(self) -> None:
        self.title = TitleLabel(wrap=True, heading=2)
        self.request_of_words = TextLabel("", "body", wrap=True)
        self._badges = make_flow_widget(gap=8)

    def _make_footer(self) -> None:
        translate = self.context.translate
        self.decline_button = KeyButton(translate("action.reject"), "D", "danger", binds=False)
        self.approve_button = KeyButton(translate("action.approve"), "A", "primary", binds=False)
        self.withdraw_button = KeyButton(translate("action.withdraw"), "W", binds=False)
        self.reading_notice = TextLabel("", "small", "muted", wrap=True)
        self.disabled_reason_label = TextLabel("", "small", "text", wrap=True)
        self.disabled_reason_label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def _build_layout(self) -> None:
        head = Surface(edge="bottom")
        self._title_row = make_row(self.title, gap=12)
        self._title_row.addWidget(self._badges)
        self._title_row.setStretch(0, 1)
        head.setLayout(make_column(self._title_row, self.request_of_words, gap=2, margins=(24, 12, 24, 10)))
        self.footer = Surface(is_raised=True, edge="top")
        parts = (
            self.decline_button,
            self.withdraw_button,
            self.reading_notice,
            self.disabled_reason_label,
            self.approve_button,
        )
        footer = make_row(*parts, gap=12, margins=(24, 8, 24, 8))
        footer.setStretch(2, 2)
        footer.setStretch(3, 3)
        self.footer.setLayout(footer)
        self.request_pane = QWidget()
        self.request_pane.setLayout(make_column(head, self.view, gap=0))
        self.content = QStackedWidget()
        self.empty = QWidget()
        self.empty_button: KeyButton | None = None
        self.reading = SkeletonRows(6)
        self.proposal_view = ProposalPanel(self.context)
        for part in (self.empty, self.reading, self.request_pane, self.proposal_view):
            self.content.addWidget(part)
        self.content.currentChanged.connect(self._show_footer)
        right = QWidget()
        parts_of_request = make_column(self.content, self.bars_below, self.footer, gap=0)
        parts_of_request.setStretch(0, 1)
        right.setLayout(parts_of_request)
        self._middle_layout = make_row(self.list, right, gap=0)
        self._middle_layout.setStretch(1, 1)
        self.set_page_name(self.context.translate("screen.approvals"))
        self.add_content(self._middle_layout, 1)
        self.add_key_hints()

    def _connect_signals(self) -> None:
        self.list.chosen.connect(self._show_selected_card)
        self.list.requests.entered.connect(self._open_proposal_or_focus_request)
        self.proposal_view.opened.connect(self._open_proposal_or_focus_request)
        self.list.requests.read_on.connect(self.view.scroll_one_page)
        self.view.left.connect(self.list.requests.setFocus)
        self.view.end_reached.connect(self._update_buttons)
        self.view.probed.connect(self.probe_payment)
        self.view.risk_signal_opened.connect(self._open_record)
        for key, button, act in (
            ("D", self.decline_button, self.open_rejection_dialog),
            ("A", self.approve_button, self.open_approval_dialog),
            ("W", self.withdraw_button, self.open_withdrawal_dialog),
        ):
            button.clicked.connect(act)
            self.bind_shortcut(key, partial(self.press_button, button))
        self.bind_shortcut("P", self.probe_payment)
        self.bind_shortcut("Ctrl+C", self._copy_summary)
        for signal in (
            self.context.people_changed,
            self.context.person_changed,
            self.context.connection_state_changed,
        ):
            signal.connect(self._update_buttons)
        self._reading_timer = QTimer(self, singleShot=True, interval=tokens().px("motion", "skeleton_after_ms"))
        self._reading_timer.timeout.connect(self._show_placeholder_bars)
        self._timer = QTimer(
            self, interval=_ANSWER_AGE_CHECK_INTERVAL_MS
        )  # the provider's answer becomes too old while the person reads
        self._timer.timeout.connect(self._check_answer_age)
        self._timer.start()
        self.view.focus_moved.connect(self._show_key_hints)

    @Slot()
    def _show_key_hints(self) -> None:
        """Show the keyboard shortcuts: those of a proposal if one is current, otherwise those of the request while
        the focus is inside it, otherwise those of the list. A decision that the person can't make about the
        shown request is left out.
        """
        focused_widget = QApplication.focusWidget()
        is_in_request = focused_widget is not None and (
            focused_widget is self.view or self.view.isAncestorOf(focused_widget)
        )
        hints = self.request_key_hints if is_in_request else self.key_hints
        if self.proposal is not None:
            hints = self.proposal_key_hints
        elif self.shown_view is not None:
            buttons = {"A": self.approve_button, "D": self.decline_button, "W": self.withdraw_button}
            hidden_keys = {key for key, button in buttons.items() if button.isHidden()}
            hints = tuple(hint for hint in hints if not hidden_keys.intersection(hint[0]))
        self.hint_bar.show_key_hints([(keys, self.context.translate(words)) for keys, words in hints])

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
        """The widgets that may get the focus when the page opens: the list, or the button of the empty page. They
        include no decision button, so that Enter never approves or rejects a request."""
        is_empty_shown = self.content.currentWidget() is self.empty
        return self.list.requests if self.list.cards else None, self.empty_button if is_empty_shown else None

    def is_affected_by(self, changes: frozenset[tuple[str, int]]) -> bool:
        return any(kind in ("refund", "payment", "order", "credit-check") for kind, _ in changes)

    def read_data(self, reason: str) -> None:
        self.context.run_read(
            _read_waiting_decisions,
            lambda waiting: self._show_inbox(*waiting, is_automatic=reason == "changed"),
            self.show_reading_failure,
            owner=self,
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
        self.hide_reading_failure()
        self.inbox, self.proposals = inbox, proposals
        self.list.show_inbox(inbox, proposals, summaries=summaries, is_automatic=is_automatic)
        self._correct_decision_count()
        if self.proposal is not None:
            self.proposal = self._find_proposal(self.proposal.id)
        if self.proposal is not None:
            self._show_proposal(self.proposal)
        elif self.refund_id:
            self.list.select_card(("refund", self.refund_id))
        elif self.list.first_ref is not None:
            self._show_selected_card(self.list.first_ref)
        else:
            self._show_empty_state()
        decidable_count = sum(not proposal.refusal for proposal in proposals)
        own_count = len(inbox.to_decide) + decidable_count
        undecided_count = len(inbox.others) + len(proposals) - decidable_count
        self.hint_bar.status_label.show_text(
            self.context.translate("approvals.count", n=own_count, others=undecided_count)
        )
        self.restore_focus()

    def _show_empty_state(self) -> None:
        translate, undecided_count = self.context.translate, len(self.inbox.others)
        words = (
            translate("approvals.empty_others", n=undecided_count)
            if undecided_count
            else translate("approvals.empty_hint")
        )
        self.empty_button = KeyButton(translate("action.open_queue"))
        self.empty_button.clicked.connect(self._open_empty_state_queue)
        empty = EmptyState(translate("approvals.empty"), words, shape="check", button=self.empty_button)
        replace_empty_state(self.content, self.empty, empty)
        self.empty = empty

    @Slot(object)
    def _show_selected_card(self, ref: RecordRef) -> None:
        if ref[0] != PROPOSAL_KIND:
            if self.proposal is not None or ref[1] != self.refund_id:
                self.show_refund(ref[1])
        elif (proposal := self._find_proposal(ref[1])) is not None:
            self._show_proposal(proposal)

    def _correct_decision_count(self) -> None:
        """Make the sidebar count the decisions that were just read. Without the right to decide, it counts none."""
        context = self.context
        refunds = () if context.find_missing_right_reason("refund_approve") else self.inbox.to_decide
        proposals = () if context.find_missing_right_reason("resolve_second") else self.proposals
        context.correct_decisions((*refunds, *(proposal for proposal in proposals if not proposal.refusal)))

    def _find_proposal(self, proposal_id: int) -> WaitingProposal | None:
        return next((proposal for proposal in self.proposals if proposal.id == proposal_id), None)

    def _show_proposal(self, proposal: WaitingProposal) -> None:
        """Show this proposal and select its card in the list."""
        self.refund_id, self.proposal = 0, proposal
        self.list.select_card((PROPOSAL_KIND, proposal.id))
        self.hide_bar("act")
        self._update_buttons()
        self.proposal_view.show_proposal(proposal)
        self.content.setCurrentWidget(self.proposal_view)
        set_tab_order(self.list.requests, self.proposal_view.open_button)
        self._show_key_hints()

    @Slot()
    def _open_proposal_or_focus_request(self) -> None:
        """Open the record of the current proposal, or move the focus into the current request."""
        if self.proposal is not None:
            self.context.navigate(make_proposal_route(self.proposal))
        else:
            self.view.setFocus()

    def show_refund(self, id: int) -> None:
        """Read the refund request with this id from the service, show it, and select its card in the list."""
        if self.proposal is not None:
            self.proposal = None
            self._show_key_hints()
        self.refund_id = id
        self.list.select_card(("refund", id))
        self.hide_bar("act")
        self._update_buttons()
        self._read_refund(id)
        self._reading_timer.start()

    @Slot()
    def _show_placeholder_bars(self) -> None:
        """Show grey placeholder bars in place of the previous request while the current one is being read."""
        if self.refund_id and self.shown_view is None:
            self.content.removeWidget(self.reading)
            self.reading.deleteLater()
            self.reading = SkeletonRows(6)
            self.content.addWidget(self.reading)
            self.content.setCurrentWidget(self.reading)

    @property
    def shown_view(self) -> RefundDetails | None:
        """The data of the current refund request, on which all shortcuts act; None while it is being read."""
        view = self.view.view
        return view if view is not None and view.record.id == self.refund_id else None

    @property
    def _is_refund_decided(self) -> bool:
        """True if the shown request has been decided and no longer waits for an approval or for sending."""
        view = self.shown_view
        return view is not None and view.record.state not in _REFUND_STATES_BEFORE_SENDING

    def _read_refund(self, id: int) -> None:
        self.context.run_read(
            lambda services: services.refunds.read_refund(id),
            lambda view: self._show_view(id, view),
            self.show_reading_failure,
            owner=self,
            key=("refund", "show", id),
        )

    def _show_view(self, id: int, view: RefundDetails) -> None:
        if id != self.refund_id:
            return
        self.hide_reading_failure()
        self.view.show_view(view)
        self._show_request_head(view)
        self.list.show_refund(view.record)
        self.list.select_card(("refund", id))
        self.content.setCurrentWidget(self.request_pane)
        buttons = (self.decline_button, self.withdraw_button, self.approve_button)
        set_tab_order(self.list.requests, *self.view.focus_stops, *buttons)
        self._update_buttons()
        self.restore_focus()

    def _show_request_head(self, view: RefundDetails) -> None:
        context, payment = self.context, view.payment
        self.title.show_text(format_approval_title(view, context))
        self.request_of_words.show_text(
            context.translate(
                "approvals.whose",
                number=payment.merchant_payment_id,
                corporation=payment.corporation_number,
                amount=wording.format_amount(payment.captured_minor, payment.currency),
                provider=case_words.get_provider_name(payment.provider, context),
                maker=view.record.maker,
                at=view.record.created_at,
                age=context.format_age(view.record.created_at) if view.record.created_at else None,
            )
        )
        old_badges, self._badges = self._badges, make_flow_widget(*make_approval_badges(view, context), gap=8)
        self._title_row.replaceWidget(old_badges, self._badges)
        old_badges.hide()
        old_badges.deleteLater()

    # -- enabled actions

    @Slot()
    def _check_answer_age(self) -> None:
        """Check the age of the payment provider's last answer. If the answer has become too old for an approval, show
        this in the request and disable the approval.
        """
        view = self.shown_view
        if (
            view is not None
            and self.isVisible()
            and self.approve_button.isEnabled()
            and self.view.format_stale_answer(view)
        ):
            self.view.show_view(view)
        self._update_buttons()

    @Slot()
    def _update_buttons(self) -> None:
        view = self.shown_view
        if view is None:  # no button acts on the previous request
            reason = "screen.reading" if self.proposal is None else "approvals.proposal_hint"
            for button in (self.decline_button, self.approve_button, self.withdraw_button):
                button.disable_with_reason(self.context.translate(reason))
            return
        is_own = self.is_own_request(view)
        is_undecided = view.record.state is RefundState.REQUESTED
        self.decline_button.setVisible(not is_own and is_undecided)
        self.approve_button.setVisible(not is_own and view.record.state in _REFUND_STATES_BEFORE_SENDING)
        self.withdraw_button.setVisible(is_own and view.record.state in _REFUND_STATES_BEFORE_SENDING)
        maker = view.record.maker
        self.reading_notice.show_text(
            self.context.translate("approvals.own")
            if is_own
            else self.context.translate("approvals.maker_reads", maker=maker)
        )
        self.reading_notice.setVisible(is_own or is_undecided)
        self._show_footer()
        self._show_key_hints()
        for button, disabled_reason in (
            (self.decline_button, self._find_disabled_reason(view, "reject")),
            (self.approve_button, self.find_approval_disabled_reason(view)),
            (self.withdraw_button, self.context.find_disabled_reason("refund_withdraw")),
        ):
            if disabled_reason:
                button.disable_with_reason(disabled_reason)
            else:
                button.enable_button()
        offered_button = self.withdraw_button if is_own else self.approve_button
        self.disabled_reason_label.show_text("" if offered_button.isHidden() else offered_button.reason)

    @Slot()
    def _show_footer(self) -> None:
        """Show the footer with the decision buttons only below a request that isn't sent yet."""
        view = self.shown_view
        is_shown = self.content.currentWidget() is self.request_pane
        self.footer.setVisible(is_shown and (view is None or view.record.state in _REFUND_STATES_BEFORE_SENDING))

    def is_own_request(self, view: RefundDetails) -> bool:
        """Return True if the acting person is the maker of the refund. A maker can withdraw the refund but can't
        approve or reject it.
        """
        return is_same_person(view.record.maker, self.context.operator or "")

    def _find_disabled_reason(self, view: RefundDetails, name: str) -> str:
        """Return why the acting person can't do the action `name` (approve, reject, withdraw) on this refund: the
        person lacks the right, or the service doesn't allow the action. Return "" if the action is possible."""
        missing_right = self.context.find_disabled_reason("refund_approve")
        if missing_right:
            return missing_right
        action = next((offer for offer in view.actions if offer.action == name), None)
        if action is None or action.allowed:
            return ""
        return self.context.translate(action.reason or "reason.role", **action.facts)

    def find_approval_disabled_reason(self, view: RefundDetails) -> str:
        """Return why the button "approve" is disabled: the person lacks the right, the service doesn't allow the
        approval, the provider's last answer is too old, or the person has not reached the end of the request.
        Return "" if the button is enabled.
        """
        service_reason = self._find_disabled_reason(view, "approve")
        if service_reason:
            return service_reason
        if self.view.format_stale_answer(view):
            return self.context.translate("approvals.off_old")
        return "" if self.view.is_read else self.context.translate("approvals.off_unread")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Adapt the layout to the new width. In a narrow window the badges are below the title, and the request is
        below the list."""
        super().resizeEvent(event)
        side_by_side = self.width() >= _MIN_SIDE_BY_SIDE_WIDTH_PX * current_appearance().scale
        left_to_right, top_to_bottom = QBoxLayout.Direction.LeftToRight, QBoxLayout.Direction.TopToBottom
        for box in (self._title_row, self._middle_layout):
            box.setDirection(left_to_right if side_by_side else top_to_bottom)
        for part in (self.list, self.view):
            part.arrange_panels(side_by_side=side_by_side)

    # -- actions

    @Slot()
    def probe_payment(self) -> None:
        """Ask the payment provider for the present state of the payment that the shown refund belongs to."""
        if self.shown_view is not None:
            self.action_handlers.probe(self.shown_view.payment)
        else:
            self.show_key_refusal(self.context.translate("act.not_for_selected"))

    @Slot()
    def open_approval_dialog(self) -> None:
        """Open the dialog in which the person approves the shown refund; do nothing if the button is disabled."""
        if self.shown_view is not None and self.approve_button.isEnabled():
            self.action_handlers.approve(self.shown_view)

    @Slot()
    def open_rejection_dialog(self) -> None:
        """Open the dialog in which the person rejects the shown refund; do nothing if the button is disabled."""
        if self.shown_view is not None and self.decline_button.isEnabled():
            self.action_handlers.reject(self.shown_view)

    @Slot()
    def open_withdrawal_dialog(self) -> None:
        """Open the dialog in which the person withdraws the shown refund; do nothing if the button is disabled."""
        if self.shown_view is not None and self.withdraw_button.isEnabled():
            self.action_handlers.withdraw(self.shown_view)

    @Slot(str, int)
    def _open_record(self, kind: str, id: int) -> None:
        self.context.navigate(make_route_to_record(kind, id, (), "approvals"))

    @Slot()
    def _open_empty_state_queue(self) -> None:
        self.context.navigate(QueuesRoute("refunds"))

    @Slot()
    def _copy_summary(self) -> None:
        if self.shown_view is not None:
            self.action_handlers.copy_text(self.shown_view.payment.merchant_payment_id)


def _read_waiting_decisions(
    services: "Console",
) -> tuple[ApprovalInbox, tuple[WaitingProposal, ...], Mapping[int, RefundRequestSummary]]:
    """Return the refund requests and proposed outcomes that wait for a second person, and the summaries of the first
    requests by refund id."""
    inbox, proposals = services.refunds.read_inbox(), services.recovery.list_proposals()
    ids = [refund.id for refund in (*inbox.to_decide, *inbox.others)]
    return inbox, proposals, services.refunds.read_summaries(ids)
