"""The scroll area of the approvals page that shows one refund request to its approver. The reasons against the
refund come first; after the decision, its result comes first."""

from collections.abc import Sequence

import shiboken6
from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QBoxLayout, QGridLayout, QScrollArea, QWidget

from console.domain.access.permissions import is_same_person
from console.domain.payments.records import Refund
from console.domain.payments.service_results import MoneyParts, RefundDetails, RiskSignal
from console.domain.payments.states import RefundState
from console.views.approvals.cards import MAX_PROVIDER_ANSWER_AGE_SECONDS
from console.views.money.base_page import make_fact_list
from console.views.presenters import credit_checks as record_words
from console.views.presenters import money_view as money_facts
from console.views.presenters import records as case_words
from console.views.refunds import texts as refund_words
from console.views.runtime.context import WindowContext
from console.views.theme.theme import current_appearance
from console.views.widgets.badge import Badge
from console.views.widgets.base import ShapeIcon, Surface, TextLabel, ToneBox, make_column, make_row
from console.views.widgets.buttons import KeyButton, PaintedButton
from console.views.widgets.flow_layout import make_flow_widget
from console.views.widgets.money_strip import MoneyPanel, MoneyPart
from console.views.widgets.record_parts import RecordSideStrip, make_titled_panel
from console.wording import records as record_texts
from console.wording.sentences import catalogue as wording

_MIN_VISIBLE_TEXT_LINES = 10
_CONTENT_MARGIN_PX = 24  # beside the content
_MIN_LAID_OUT_CONTENT_HEIGHT_PX = 50  # a smaller content has not been laid out yet
_REFUND_STATES_BEFORE_SENDING = frozenset({RefundState.REQUESTED, RefundState.APPROVED})
_COMPARED_PAYMENT_FIELDS = ("state", "captured_minor", "refunded_minor", "payer")


class RefundRequestEndPanel(QWidget):
    """The last panel of a refund request: it says what happens after the approval. The Tab key can move the focus
    to this panel, so that a person can also reach the end of the request with the keyboard or a screen reader.

    Signals:
    - reached: this panel has got the focus.
    """

    focus_ring = 2
    reached = Signal()

    def __init__(self, title: str, words: str) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(f"{title}: {words}")
        self.setLayout(
            make_column(TextLabel(title, "panel_title", "muted", heading=3), TextLabel(words, wrap=True), gap=4)
        )

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.reached.emit()


class ApprovalView(QScrollArea):
    """The scroll area that shows one refund request. `is_read` is True after the person has reached the end of the
    shown version of the refund: by scrolling, by the End key, or by the Tab key.

    Signals:
    - end_reached: the end of the request has become visible.
    - focus_moved(bool): the focus has moved into this scroll area (True), or out of it (False).
    - left: the person has pressed Esc to go back to the list.
    - probed: the person has pressed the button that asks the provider about the payment.
    - risk_signal_opened(str, int): the person has pressed the button of a risk signal, which opens the record with
      this kind and id.
    """

    focus_ring = -2  # inside its edges
    end_reached = Signal()
    focus_moved = Signal(bool)
    left = Signal()
    probed = Signal()
    risk_signal_opened = Signal(str, int)

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self._context = context
        self.view: RefundDetails | None = None
        self._read_versions: set[tuple[int, int]] = set()
        self._request_and_changes_box: QBoxLayout | None = None
        self._money_strip: RecordSideStrip | None = None
        self._side_by_side = True
        self._end: RefundRequestEndPanel | None = None
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._mark_read_if_end_visible)
        bar.rangeChanged.connect(self._check_end_visible_later)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._report_focus_move)

    # -- reading progress

    @property
    def is_read(self) -> bool:
        return self.view is not None and (self.view.record.id, self.view.record.version) in self._read_versions

    @Slot()
    def _check_end_visible_later(self) -> None:
        QTimer.singleShot(0, self, self._mark_read_if_end_visible)

    @Slot()
    def _mark_read_if_end_visible(self) -> None:
        """If the end of the request is visible, mark the shown version of the refund as read and emit
        `end_reached`."""
        view, bar, content = self.view, self.verticalScrollBar(), self.widget()
        if (
            view is None
            or not self.isVisible()
            or content is None
            or content.height() < _MIN_LAID_OUT_CONTENT_HEIGHT_PX
        ):
            return
        if bar.value() >= bar.maximum() - 4:
            self._mark_end_reached()

    @Slot()
    def _mark_end_reached(self) -> None:
        if self.view is not None and not self.is_read:
            self._read_versions.add((self.view.record.id, self.view.record.version))
            self.end_reached.emit()

    @Slot()
    def scroll_one_page(self) -> None:
        """Scroll down by the visible height, less one line of text."""
        bar, line_px = self.verticalScrollBar(), current_appearance().line_height("body")
        bar.setValue(bar.value() + self.viewport().height() - line_px)

    # -- focus

    @property
    def focus_stops(self) -> tuple[QWidget, ...]:
        """The widgets of the request that can have the focus, in tab order: this scroll area, its buttons, and the
        last panel."""
        return self, *self.findChildren(PaintedButton), *([self._end] if self._end is not None else [])

    @Slot("QWidget*", "QWidget*")
    def _report_focus_move(self, old_widget: QWidget | None, new_widget: QWidget | None) -> None:
        was_inside, is_inside = (
            widget is not None and (widget is self or self.isAncestorOf(widget))
            for widget in (old_widget, new_widget)
        )
        if was_inside != is_inside:
            self.focus_moved.emit(is_inside)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        match event.key():
            case Qt.Key.Key_Home:
                bar.setValue(bar.minimum())
            case Qt.Key.Key_End:
                bar.setValue(bar.maximum())
            case Qt.Key.Key_Space:
                self.scroll_one_page()
            case Qt.Key.Key_Escape:
                self.left.emit()
            case _:
                super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._check_end_visible_later()

    # -- display

    def arrange_panels(self, *, side_by_side: bool) -> None:
        """Arrange two panels: the request, and the comparison of the payment's values at the time of the request
        with the present ones. They are `side_by_side`, or one below the other in a narrow window."""
        self._side_by_side = side_by_side
        self.setMinimumHeight(
            0 if side_by_side else _MIN_VISIBLE_TEXT_LINES * current_appearance().line_height("body")
        )
        if self._request_and_changes_box is not None and shiboken6.isValid(self._request_and_changes_box):
            directions = QBoxLayout.Direction
            self._request_and_changes_box.setDirection(
                directions.LeftToRight if side_by_side else directions.TopToBottom
            )

    def _fit_money_strip(self) -> None:
        if self._money_strip is not None and shiboken6.isValid(self._money_strip):
            self._money_strip.fit_width(self.viewport().width() - 2 * _CONTENT_MARGIN_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_money_strip()

    def show_view(self, view: RefundDetails) -> None:
        is_same_refund = self.view is not None and self.view.record.id == view.record.id
        at = self.verticalScrollBar().value() if is_same_refund else 0
        self.view = view
        content, had_focus = QWidget(), any(part.hasFocus() for part in self.findChildren(QWidget))
        if had_focus:  # the focused widget goes with the old content
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        is_waiting, self._end = view.record.state in _REFUND_STATES_BEFORE_SENDING, None
        parts = [
            *([] if is_waiting else [self._make_result_panel(view)]),
            self._make_reasons_against_panel(view),
            self._make_request_panel(view),
            self._make_compared_sides_panel(view),
            self._make_money_panel(view),
            self._make_fulfilled_checks_panel(view),
            self._make_earlier_refunds_panel(view.earlier),
            *([self._make_after_approval_panel(view)] if is_waiting else []),
        ]
        content.setLayout(make_column(*parts, None, gap=18, margins=(_CONTENT_MARGIN_PX, 14, _CONTENT_MARGIN_PX, 16)))
        self.setWidget(content)
        self._fit_money_strip()
        self.setAccessibleName(format_approval_title(view, self._context))
        self.verticalScrollBar().setValue(at)
        self._check_end_visible_later()

    def list_reasons_against_refund(self, view: RefundDetails) -> list[tuple[str, str, str, RiskSignal | None]]:
        """Return the reasons against the refund. Each one is a tuple: the name of its icon shape, its sentence,
        the maker's answer to it ("" if none), and the risk signal (None if the reason is a broken rule)."""
        context = self._context
        reasons: list[tuple[str, str, str, RiskSignal | None]] = []
        for hit in view.against:
            answer_line = context.translate("approvals.makers_answer", maker=view.record.maker, words=hit.answer)
            answer = answer_line if hit.answer else ""
            reasons.append(("look_alike", refund_words.format_risk_signal(hit, context), answer, hit))
        for check in view.checks:
            if not check.holds:
                reasons.append(
                    ("cross", refund_words.format_rule_check(check, context, view.record.currency), "", None)
                )
        return reasons

    def format_stale_answer(self, view: RefundDetails) -> str:
        """Return the sentence which says that the provider's last answer about the payment is missing or too old
        for a decision; "" if the answer is recent enough."""
        side, context = view.payment_sides[money_facts.GATEWAY_SIDE_INDEX], self._context
        if side.asked is None:
            return context.translate("approvals.never_asked")
        if money_facts.is_answer_stale(side, context.now(), MAX_PROVIDER_ANSWER_AGE_SECONDS):
            return context.translate(
                "approvals.old_fact", age=context.now() - side.asked, limit=int(MAX_PROVIDER_ANSWER_AGE_SECONDS // 60)
            )
        return ""

    def _make_reasons_against_panel(self, view: RefundDetails) -> QWidget:
        translate, reasons, stale_sentence = (
            self._context.translate,
            self.list_reasons_against_refund(view),
            self.format_stale_answer(view),
        )
        count = len(reasons) + bool(stale_sentence)
        head = make_row(
            ShapeIcon("warning" if count else "check", "care" if count else "good"),
            TextLabel(translate("approvals.against" if count else "approvals.nothing_against"), "section", heading=3),
            TextLabel(str(count) if count else "", "data", "muted"),
            None,
            gap=8,
        )
        holder = QWidget()
        box = ToneBox("care")
        lines = make_column(gap=0)
        for place, (shape, words, answer, hit) in enumerate(reasons):
            lines.addWidget(self._make_reason_line(shape, words, answer, hit, is_last=place == count - 1))
        if stale_sentence:
            lines.addWidget(self._make_stale_answer_line(stale_sentence))
        box.setLayout(lines)
        box.setVisible(bool(count))
        holder.setLayout(make_column(head, box, gap=8))
        return holder

    def _make_reason_line(
        self, shape: str, words: str, answer: str, hit: RiskSignal | None, *, is_last: bool
    ) -> QWidget:
        line = Surface(edge="none" if is_last else "bottom")
        texts = [TextLabel(words, wrap=True, selectable=True)]
        if answer:
            texts.append(TextLabel(answer, "body", "muted", wrap=True, selectable=True))
        box = make_row(gap=12, margins=(14, 8, 12, 8))
        box.addWidget(ShapeIcon(shape, "care", line_role="body"), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(make_column(*texts, gap=0), 1)
        if hit is not None and hit.kind is not None and hit.id is not None:
            button = KeyButton(self._context.translate("approvals.open_hit"), kind="inline")
            button.setAccessibleName(self._context.translate("approvals.open_hit_of", words=words))
            button.setProperty("kind", hit.kind)
            button.setProperty("case", hit.id)
            button.clicked.connect(self._open_clicked_record)
            box.addWidget(button)
        line.setLayout(box)
        return line

    def _make_stale_answer_line(self, words: str) -> QWidget:
        line = Surface()
        button = KeyButton(self._context.translate("action.probe"), "P", "inline", binds=False)
        button.clicked.connect(self.probed)
        hint = TextLabel(self._context.translate("approvals.probe_first"), "body", "muted", wrap=True)
        box = make_row(gap=12, margins=(14, 8, 12, 8))
        box.addWidget(ShapeIcon("clock", "care", line_role="body"), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(make_column(TextLabel(words, wrap=True), hint, gap=0), 1)
        box.addWidget(button)
        line.setLayout(box)
        return line

    def _make_request_panel(self, view: RefundDetails) -> QWidget:
        record, translate = view.record, self._context.translate
        request = make_fact_list(
            (translate("field.reason"), record_texts.format_refund_reason(record, self._context)),
            (translate("field.ticket"), record.ticket),
            (translate("field.payer"), case_words.mask_payer(view.payment.payer)),
            (translate("field.maker"), translate("approvals.asked_by", maker=record.maker, at=record.created_at)),
        )
        holder = QWidget()
        comparison_panel = make_titled_panel(
            translate("approvals.then_and_now"), self._make_comparison_panel(view), heading=3
        )
        columns_box = self._request_and_changes_box = make_row(
            make_titled_panel(translate("approvals.asked"), request, heading=3), comparison_panel, gap=24
        )
        self.arrange_panels(side_by_side=self._side_by_side)
        columns_box.setStretch(0, 1)
        columns_box.setStretch(1, 1)
        holder.setLayout(columns_box)
        return holder

    def _make_comparison_panel(self, view: RefundDetails) -> QWidget:
        """Return a table with one line per field of the payment: its value when the maker requested the refund,
        its present value, and whether these two values differ."""
        translate, payment = self._context.translate, view.payment
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        for place in (1, 2, 3):
            grid.setColumnStretch(place, 1)
        for place, word, version in ((1, "then", view.version_at_request), (2, "now", payment.version)):
            title = translate(f"approvals.{word}")
            if version is not None:
                title = translate("approvals.of_version", when=title, version=version)
            grid.addWidget(TextLabel(title, "small", "muted"), 0, place)
        view_time: dict[str, object] = {name: getattr(payment, name) for name in _COMPARED_PAYMENT_FIELDS}
        for line, name in enumerate(dict.fromkeys((*_COMPARED_PAYMENT_FIELDS, *view.changed)), 1):
            value_before, value_now = view.changed.get(name, (view_time.get(name), view_time.get(name)))
            is_changed = name in view.changed
            grid.addWidget(TextLabel(translate(f"approvals.field.{name}"), "body", "muted"), line, 0)
            grid.addWidget(TextLabel(self._format_field(name, value_before, view)), line, 1)
            grid.addWidget(
                TextLabel(self._format_field(name, value_now, view), "body", "bad" if is_changed else "text"), line, 2
            )
            word = translate("approvals.differs" if is_changed else "approvals.same")
            grid.addWidget(TextLabel(word, "body", "bad" if is_changed else "muted"), line, 3)
        return holder

    def _format_field(self, name: str, value: object, view: RefundDetails) -> str:
        if value is None:
            return wording.NO_VALUE
        if name == "state" and wording.has_sentence(f"state.payment.{value}"):
            return self._context.translate(f"state.payment.{value}")
        if name.endswith("_minor") and isinstance(value, int):
            return wording.format_amount(value, view.record.currency)
        if name == "order_state" and wording.has_sentence(f"state.order.{value}"):
            return self._context.translate(f"state.order.{value}")
        return case_words.mask_payer(str(value)) if name == "payer" else str(value)

    def _make_compared_sides_panel(self, view: RefundDetails) -> QWidget:
        """Return the panels that compare the payment on its three sides: its state in this database, at the
        payment provider and in the order, each with the time since it was read."""
        strip = self._money_strip = RecordSideStrip(
            money_facts.make_shown_sides(
                view.payment_sides, self._context, provider=view.payment.provider, record=view.payment
            ),
            self._context.translate("approvals.facts"),
        )
        holder = QWidget()
        holder.setLayout(
            make_column(
                TextLabel(self._context.translate("approvals.facts"), "panel_title", "muted", heading=3), strip, gap=6
            )
        )
        return holder

    def _make_money_panel(self, view: RefundDetails) -> QWidget:
        """Return the panel that divides the payment's amount into refunded, reserved, unknown, set-aside and
        refundable parts. The amount of this request is a part of its own, apart from the amounts of other
        waiting requests.
        """
        context, money = self._context, view.money
        own_minor = view.record.amount_minor
        amounts = MoneyParts(
            money.currency,
            money.captured,
            money.refunded,
            money.on_its_way,
            money.unknown,
            max(0, money.waiting - own_minor),
            money.set_aside,
            money.refundable,
        )
        own_reserve = own_minor if view.record.state in _REFUND_STATES_BEFORE_SENDING else 0
        before = money.refundable + (0 if view.record.set_aside_id is not None else own_reserve)
        rows, remaining_part = money_facts.make_money_parts(amounts, context, before)
        amount = wording.format_amount(-own_minor, money.currency)
        rows.append(MoneyPart(context.translate("money.part.this"), amount, own_minor, "back_hatch", "care"))
        strip = MoneyPanel(context.translate("money.strip"), margins=(0, 0, 0, 0))
        strip.setProperty("edge", "none")
        strip.show_money_parts(rows, remaining_part)
        return make_titled_panel(context.translate("approvals.money"), strip, heading=3)

    def _make_fulfilled_checks_panel(self, view: RefundDetails) -> QWidget:
        currency = view.record.currency
        fulfilled_lines = [
            refund_words.make_rule_check_line(check, self._context, currency) for check in view.checks if check.holds
        ]
        holder = QWidget()
        title_ = TextLabel(self._context.translate("approvals.checked"), "panel_title", "muted", heading=3)
        lines = (
            make_flow_widget(*fulfilled_lines, gap=20, line_gap=6) if fulfilled_lines else TextLabel(wording.NO_VALUE)
        )
        holder.setLayout(make_column(title_, lines, gap=6))
        return holder

    def _make_earlier_refunds_panel(self, refunds: Sequence[Refund]) -> QWidget:
        context = self._context
        title_ = TextLabel(context.translate("approvals.earlier"), "panel_title", "muted", heading=3)
        lines: list[QWidget] = []
        for refund in refunds:
            badge = record_words.make_state_cell(case_words.get_state_badge_key(refund), context.language)
            words = context.translate(
                "approvals.earlier_line",
                at=refund.created_at,
                amount=case_words.format_record_amount(refund),
                state=badge.word,
                maker=refund.maker,
                reason=record_texts.format_refund_reason(refund, context),
            )
            line = QWidget()
            line.setLayout(make_row(ShapeIcon(badge.shape, badge.tone, 14), TextLabel(words, wrap=True), gap=6))
            lines.append(line)
        holder = QWidget()
        holder.setLayout(
            make_column(title_, *(lines or [TextLabel(context.translate("approvals.no_earlier"))]), gap=4)
        )
        return holder

    def _make_after_approval_panel(self, view: RefundDetails) -> QWidget:
        """Return the last panel of the request, which says what happens after the approval."""
        context, record = self._context, view.record
        provider = case_words.get_provider_name(view.payment.provider, context)
        if len(record.checkers) + 1 < view.needed_checkers:
            words = context.translate("approvals.after_first")
        elif record.sends_after is not None and record.sends_after > context.now():
            words = context.translate("approvals.after_cooling_off", at=record.sends_after, provider=provider)
        else:
            words = context.translate("approvals.after_at_once", provider=provider)
        self._end = RefundRequestEndPanel(context.translate("approvals.afterwards"), words)
        self._end.reached.connect(self._scroll_to_end_panel)
        return self._end

    @Slot()
    def _scroll_to_end_panel(self) -> None:
        if self._end is not None:
            self.ensureWidgetVisible(self._end)
            self._mark_end_reached()

    def _make_result_panel(self, view: RefundDetails) -> QWidget:
        """Return the panel about a decided refund: its state, the reason for it, and the next step."""
        shape, tone = case_words.get_verdict_icon_and_tone(view.explanation)
        verdict, *further_sentences = record_words.format_explanation(view.explanation, self._context)
        lines = [TextLabel(verdict, "body", tone, bold=True, wrap=True)]
        lines += [TextLabel(sentence, wrap=True) for sentence in further_sentences if sentence]
        panel, box = ToneBox(tone), make_row(gap=12, margins=(14, 10, 12, 10))
        box.addWidget(ShapeIcon(shape, tone, line_role="body"), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(make_column(*lines, gap=2), 1)
        panel.setLayout(box)
        return panel

    @Slot()
    def _open_clicked_record(self) -> None:
        sender = self.sender()
        self.risk_signal_opened.emit(str(sender.property("kind")), int(sender.property("case")))


def format_approval_title(view: RefundDetails, context: WindowContext) -> str:
    amount = wording.format_amount(view.record.amount_minor, view.record.currency)
    if view.record.state not in _REFUND_STATES_BEFORE_SENDING:
        return context.translate(
            "approvals.decided_title", title=case_words.format_record_title(view.record, context), amount=amount
        )
    if is_same_person(view.record.maker, context.operator or ""):  # a maker is never asked to approve
        return context.translate("approvals.own_title", amount=amount)
    return context.translate("dialog.approve.title", amount=amount)


def make_approval_badges(view: RefundDetails, context: WindowContext) -> list[Badge]:
    return [
        Badge.from_badge_key(key, context.language) for key in case_words.get_badge_keys(view.record, context.now())
    ]
