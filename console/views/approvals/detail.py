"""The scroll area of the approvals page that shows one refund request to its approver. The first panel shows the
reasons against the refund. When the refund was sent or has ended without being sent, it shows the result instead."""

from collections.abc import Sequence
from dataclasses import replace

import shiboken6
from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QBoxLayout, QGridLayout, QScrollArea, QWidget

from console.domain.access.permissions import is_same_person
from console.domain.payments.records import Refund
from console.domain.payments.service_results import RefundDetails, RiskSignal
from console.domain.payments.states import RefundState
from console.views.approvals.cards import MAX_PROVIDER_ANSWER_AGE_SECONDS
from console.views.money.base_page import make_fact_list
from console.views.pages.permission_buttons import bind_button_to_right
from console.views.presenters import credit_checks as record_words
from console.views.presenters import money_view as money_facts
from console.views.presenters import records as case_words
from console.views.refunds import texts as refund_words
from console.views.runtime.context import WindowContext
from console.views.theme.theme import current_appearance
from console.views.widgets.base import (
    IconLabel,
    Surface,
    TextLabel,
    ToneBox,
    make_column,
    make_icon_row,
    make_row,
    set_visible_in_parent,
)
from console.views.widgets.controls.buttons import KeyButton, PaintedButton, ReasonLabel
from console.views.widgets.display.badge import Badge
from console.views.widgets.display.money_strip import MoneyPanel, MoneyPart
from console.views.widgets.display.record_parts import RecordSideStrip, make_titled_panel
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.wording import records as record_texts
from console.wording import registry as registry_words
from console.wording.sentences import catalogue as wording

_MIN_VISIBLE_TEXT_LINES = 10
_CONTENT_MARGIN_PX = 24  # beside the content
_MIN_LAID_OUT_CONTENT_HEIGHT_PX = 50  # a smaller content has not been laid out yet
_REFUND_STATES_BEFORE_SENDING = frozenset({RefundState.REQUESTED, RefundState.APPROVED})
_COMPARED_PAYMENT_FIELDS = ("state", "captured_minor", "refunded_minor", "payer")


class RefundRequestEndPanel(QWidget):
    """The last panel of a refund request: it explains the steps after the approval. The Tab key can move the focus to
    this panel. So a person can also reach the end of the request with the keyboard or a screen reader.

    Signals:
    - focused: this panel has got the focus.
    """

    focus_ring_gap_px = 2
    focused = Signal()

    def __init__(self, title: str, sentence: str) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(f"{title}: {sentence}")
        self.setLayout(
            make_column(
                TextLabel(title, "panel_title", "muted", heading_level=3),
                TextLabel(sentence, wraps_lines=True),
                gap_px=4,
            )
        )

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit()


class RefundRequestPanel(QScrollArea):
    """The scroll area that shows one refund request. `details` is the data of the shown request; None until a request
    is shown. `is_read` is True after the person has reached the end of the shown version of the refund: by scrolling,
    by the End key, or by the Tab key. The end counts as reached only if it is visible in the window: a page that is
    taller than its window also scrolls, and may hide the lower part of this scroll area.

    Signals:
    - end_reached: the end of the request has become visible.
    - focus_moved(bool): the focus has moved into this scroll area (True), or out of it (False).
    - list_requested: the person has pressed Esc to go back to the list.
    - probe_requested: the person has pressed the button that asks the provider about the payment.
    - record_requested(str, int): the person has pressed the button beside a risk signal, which opens the record that
      the signal is about, with this kind and id.
    """

    focus_ring_gap_px = -2  # inside its edges
    end_reached = Signal()
    focus_moved = Signal(bool)
    list_requested = Signal()
    probe_requested = Signal()
    record_requested = Signal(str, int)

    def __init__(self, context: WindowContext) -> None:
        super().__init__()
        self._context = context
        self.details: RefundDetails | None = None
        self._read_versions: set[tuple[int, int]] = set()
        self._request_and_comparison_box: QBoxLayout | None = None
        self._money_strip: RecordSideStrip | None = None
        self._is_side_by_side = True
        self._end_panel: RefundRequestEndPanel | None = None
        self._last_panel: QWidget | None = None
        self._watched_outer_areas: set[QScrollArea] = set()
        self._is_end_visible = False
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._mark_read_if_end_visible)
        bar.rangeChanged.connect(self._keep_end_visible)
        bar.rangeChanged.connect(self._check_end_visible_later)
        context.person_changed.connect(self._forget_read_versions)
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._report_focus_move)

    # -- reading progress

    @property
    def is_read(self) -> bool:
        return (
            self.details is not None and (self.details.record.id, self.details.record.version) in self._read_versions
        )

    @Slot()
    def _forget_read_versions(self) -> None:
        """Forget which requests the previous person has read, and show the request from its start to the next one."""
        self._read_versions.clear()
        self._is_end_visible = False
        for area in (self, *self._list_outer_areas()):
            area.verticalScrollBar().setValue(0)
        self._check_end_visible_later()

    @Slot()
    def _check_end_visible_later(self) -> None:
        """After Qt has handled the present event, check whether the end of the request is visible. If it is visible,
        mark the request as read."""
        QTimer.singleShot(0, self, self._mark_read_if_end_visible)

    @Slot()
    def _mark_read_if_end_visible(self) -> None:
        """If the end of the request is visible, mark the shown version of the refund as read and emit
        `end_reached`."""
        bar, content = self.verticalScrollBar(), self.widget()
        self._is_end_visible = (
            self.details is not None
            and self.isVisible()
            and content is not None
            and content.height() >= _MIN_LAID_OUT_CONTENT_HEIGHT_PX
            and bar.value() >= bar.maximum() - 4
            and self._is_lower_edge_visible()
        )
        if self._is_end_visible:
            self._mark_request_read()

    @Slot()
    def _keep_end_visible(self) -> None:
        """Scroll to the end of the request again if a bar below this scroll area has made the area shorter, and the
        person had scrolled to the end before. The button "approve" stays enabled in this case, so no line of the
        request may become hidden."""
        if not self._is_end_visible or not self.isVisible():
            return
        bars = [self.verticalScrollBar(), *(area.verticalScrollBar() for area in self._list_outer_areas())]
        if any(bar.value() > 0 for bar in bars):
            QTimer.singleShot(0, self, self._scroll_to_end)

    @Slot()
    def _mark_request_read(self) -> None:
        if self.details is not None and not self.is_read:
            self._read_versions.add((self.details.record.id, self.details.record.version))
            self.end_reached.emit()

    def _is_lower_edge_visible(self) -> bool:
        """True if no widget around this panel, up to the window, cuts off the lower edge of the request's last
        panel."""
        panel = self._last_panel
        if panel is None or not shiboken6.isValid(panel):
            return False
        top, bottom = _find_visible_range(panel)
        return top < bottom == panel.height()

    def _list_outer_areas(self) -> list[QScrollArea]:
        """Return the scroll areas around this one, from the innermost."""
        areas, parent = [], self.parentWidget()
        while parent is not None:
            if isinstance(parent, QScrollArea):
                areas.append(parent)
            parent = parent.parentWidget()
        return areas

    def _watch_outer_areas(self) -> None:
        """Connect the signals of the scroll areas around this one. So this panel checks again whether the end of the
        request is visible when one of these areas has scrolled or its contents have changed their height. An area
        that is already connected is left out."""
        for area in self._list_outer_areas():
            if area not in self._watched_outer_areas:
                self._watched_outer_areas.add(area)
                area.verticalScrollBar().valueChanged.connect(self._mark_read_if_end_visible)
                area.verticalScrollBar().rangeChanged.connect(self._keep_end_visible)
                area.verticalScrollBar().rangeChanged.connect(self._check_end_visible_later)

    @Slot()
    def _scroll_to_end(self) -> None:
        """Scroll to the end of the request. Also scroll the page around this scroll area until the end is visible."""
        self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
        self._scroll_page_to_row(self.viewport().height())
        self._mark_read_if_end_visible()

    def _scroll_page_to_row(self, row: int) -> None:
        """Scroll the page around this scroll area until this row of the viewport (px from its top) is visible."""
        for area in self._list_outer_areas():
            page = area.widget()
            if page is not None:
                area.ensureVisible(-page.x(), self.viewport().mapTo(page, QPoint(0, row)).y(), 0, 0)

    @Slot()
    def scroll_one_page(self) -> None:
        """Scroll down by the visible height, less one line of text: first the page around this scroll area while the
        page hides the lower part of this area, then the request inside it. No line is left out."""
        bar, line_px, height = (
            self.verticalScrollBar(),
            current_appearance().line_height("body"),
            self.viewport().height(),
        )
        top, bottom = _find_visible_range(self.viewport())
        step = max(bottom - top - line_px, line_px)
        if bottom < height:
            self._scroll_page_to_row(min(bottom + step, height))
        else:
            bar.setValue(bar.value() + step)

    # -- focus

    @property
    def focus_stops(self) -> tuple[QWidget, ...]:
        """The widgets of the request that can have the focus, in tab order: this scroll area, its buttons, and
        `_end_panel` if the request has one."""
        return self, *self.findChildren(PaintedButton), *([self._end_panel] if self._end_panel is not None else [])

    @Slot("QWidget*", "QWidget*")
    def _report_focus_move(self, old_widget: QWidget | None, new_widget: QWidget | None) -> None:
        """Emit `focus_moved` if the focus has moved into this scroll area or out of it."""
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
                self._scroll_page_to_row(0)
            case Qt.Key.Key_Up | Qt.Key.Key_Down if bar.maximum() == bar.minimum():
                event.ignore()  # the scroll area around the page moves by a line
            case Qt.Key.Key_End:
                self._scroll_to_end()
            case Qt.Key.Key_Space:
                self.scroll_one_page()
            case Qt.Key.Key_Escape:
                self.list_requested.emit()
            case _:
                super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._watch_outer_areas()
        self._check_end_visible_later()

    # -- display

    def arrange_panels(self, *, is_side_by_side: bool) -> None:
        """Arrange two panels: the request, and the comparison of the payment's values at the time of the request with
        the present values. If `is_side_by_side`, the comparison is beside the request; otherwise, in a narrow window,
        it is below the request."""
        self._is_side_by_side = is_side_by_side
        self.setMinimumHeight(
            0 if is_side_by_side else _MIN_VISIBLE_TEXT_LINES * current_appearance().line_height("body")
        )
        self._arrange_request_and_comparison()

    def _arrange_request_and_comparison(self) -> None:
        """Put the comparison beside the request, or below it if there is too little room: if this desk has a
        corporation registry, the request also names the source of the registry's facts, and this text needs more than
        half of the width of the narrowest page.
        """
        panels = self._request_and_comparison_box
        if panels is None or not shiboken6.isValid(panels):
            return
        widgets = [item.widget() for item in map(panels.itemAt, range(panels.count())) if item is not None]
        needed_px = sum(widget.minimumSizeHint().width() for widget in widgets if widget) + panels.spacing()
        # Without the scroll bar, whether or not it is visible: the arrangement must not depend on its own height.
        available_px = self.width() - self.verticalScrollBar().sizeHint().width() - 2 * _CONTENT_MARGIN_PX
        directions = QBoxLayout.Direction
        panels.setDirection(
            directions.LeftToRight if self._is_side_by_side and needed_px <= available_px else directions.TopToBottom
        )

    def _fit_money_strip(self) -> None:
        """Fit the bar with the parts of the payment's amount to the width of this scroll area."""
        if self._money_strip is not None and shiboken6.isValid(self._money_strip):
            self._money_strip.fit_width(self.viewport().width() - 2 * _CONTENT_MARGIN_PX)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_money_strip()
        self._arrange_request_and_comparison()

    def show_details(self, details: RefundDetails) -> None:
        """Show another refund request, or a newer version of the shown one."""
        is_same_refund = self.details is not None and self.details.record.id == details.record.id
        scroll_position = self.verticalScrollBar().value() if is_same_refund else 0
        was_end_visible = is_same_refund and self._is_end_visible
        self._is_end_visible = False
        self.details = details
        content, had_focus = QWidget(), any(child_widget.hasFocus() for child_widget in self.findChildren(QWidget))
        if had_focus:  # the focused widget is deleted with the old content
            self.setFocus(Qt.FocusReason.OtherFocusReason)
        is_waiting, self._end_panel = details.record.state in _REFUND_STATES_BEFORE_SENDING, None
        panels = [
            self._make_reasons_against_panel(details) if is_waiting else self._make_result_panel(details),
            self._make_request_and_comparison_panel(details),
            self._make_payment_sides_panel(details),
            self._make_money_panel(details),
            self._make_passed_checks_panel(details),
            self._make_earlier_refunds_panel(details.earlier),
            *([self._make_approval_effect_panel(details)] if is_waiting else []),
        ]
        self._last_panel = panels[-1]
        content.setLayout(
            make_column(*panels, None, gap_px=18, margins=(_CONTENT_MARGIN_PX, 14, _CONTENT_MARGIN_PX, 16))
        )
        self.setWidget(content)
        self._fit_money_strip()
        self.setAccessibleName(format_approval_title(details, self._context))
        self.verticalScrollBar().setValue(scroll_position)
        self._is_end_visible = was_end_visible
        self._check_end_visible_later()

    def list_reasons_against_refund(self, details: RefundDetails) -> list[tuple[str, str, str, RiskSignal | None]]:
        """Return the reasons against the refund, without the reason that `format_stale_answer` returns. Each reason
        is a tuple: the name of the icon, the sentence about the reason, the maker's answer to the reason ("" if the
        maker has given no answer), and the risk signal (None if the reason is a broken rule or a lack of
        approvers)."""
        context = self._context
        reasons: list[tuple[str, str, str, RiskSignal | None]] = []
        for risk_signal in details.risk_signals:
            answer_sentence = context.translate(
                "approvals.makers_answer", maker=details.record.maker, words=risk_signal.answer
            )
            answer = answer_sentence if risk_signal.answer else ""
            reasons.append(("look_alike", refund_words.format_risk_signal(risk_signal, context), answer, risk_signal))
        for check in details.checks:
            if not check.holds:
                reasons.append(
                    ("cross", refund_words.format_rule_check(check, context, details.record.currency), "", None)
                )
        if details.missing_approver_count:
            sentence = context.translate(
                "approvals.approver_missing",
                needed=details.needed_checker_count,
                missing=details.missing_approver_count,
            )
            reasons.append(("cross", sentence, "", None))
        return reasons

    def format_stale_answer(self, details: RefundDetails) -> str:
        """Return the sentence which says that the provider's last answer about the payment is missing or too old
        for a decision; "" if the answer is recent enough."""
        gateway_side, context = details.payment_sides[money_facts.GATEWAY_SIDE_INDEX], self._context
        if gateway_side.asked is None:
            return context.translate("approvals.never_asked")
        if money_facts.is_provider_answer_stale(gateway_side, context.now(), MAX_PROVIDER_ANSWER_AGE_SECONDS):
            return context.translate(
                "approvals.old_fact",
                age=context.now() - gateway_side.asked,
                limit=int(MAX_PROVIDER_ANSWER_AGE_SECONDS // 60),
            )
        return ""

    def _make_reasons_against_panel(self, details: RefundDetails) -> QWidget:
        translate, reasons, stale_sentence = (
            self._context.translate,
            self.list_reasons_against_refund(details),
            self.format_stale_answer(details),
        )
        count = len(reasons) + bool(stale_sentence)
        heading_key = "approvals.against" if count else "approvals.nothing_against"
        if is_same_person(details.record.maker, self._context.operator or ""):
            heading_key += "_own"  # a maker can't decline the request
        head = make_row(
            IconLabel("warning" if count else "check", "care" if count else "good"),
            TextLabel(translate(heading_key), "section", heading_level=3),
            TextLabel(str(count) if count else "", "data", "muted"),
            None,
            gap_px=8,
        )
        panel = QWidget()
        box = ToneBox("care")
        reason_lines = make_column(gap_px=0)
        for position, (icon_name, sentence, answer, risk_signal) in enumerate(reasons):
            reason_lines.addWidget(
                self._make_reason_line(icon_name, sentence, answer, risk_signal, is_last_line=position == count - 1)
            )
        if stale_sentence:
            reason_lines.addWidget(self._make_stale_answer_line(stale_sentence))
        box.setLayout(reason_lines)
        set_visible_in_parent(box, bool(count))
        panel.setLayout(make_column(head, box, gap_px=8))
        return panel

    def _make_reason_line(
        self, icon_name: str, sentence: str, answer: str, risk_signal: RiskSignal | None, *, is_last_line: bool
    ) -> QWidget:
        """Return a line with an icon, a sentence, and below it the answer ("" for none). If the risk signal names a
        record, the line has a button that opens it.
        """
        line = Surface(edge="none" if is_last_line else "bottom")
        texts = [TextLabel(sentence, wraps_lines=True, is_selectable=True)]
        if answer:
            texts.append(TextLabel(answer, "body", "muted", wraps_lines=True, is_selectable=True))
        line_row = make_row(gap_px=12, margins=(14, 8, 12, 8))
        line_row.addWidget(IconLabel(icon_name, "care", line_role="body"), 0, Qt.AlignmentFlag.AlignTop)
        line_row.addLayout(make_column(*texts, gap_px=0), 1)
        if risk_signal is not None and risk_signal.kind is not None and risk_signal.id is not None:
            button = KeyButton(self._context.translate("approvals.open_hit"), kind="inline")
            button.setAccessibleName(self._context.translate("approvals.open_hit_of", words=sentence))
            button.setProperty("kind", risk_signal.kind)
            button.setProperty("case", risk_signal.id)
            button.clicked.connect(self._open_clicked_record)
            line_row.addWidget(button)
        line.setLayout(line_row)
        return line

    def _make_stale_answer_line(self, sentence: str) -> QWidget:
        line = Surface()
        button = KeyButton(self._context.translate("action.probe"), "P", "inline", binds_key=False)
        bind_button_to_right(self._context, button, "probe").clicked.connect(self.probe_requested)
        texts: list[QWidget] = [TextLabel(sentence, wraps_lines=True)]
        if not self._context.find_missing_right_reason("refund_approve"):
            hint = self._context.translate("approvals.probe_first")
            texts.append(TextLabel(hint, "body", "muted", wraps_lines=True))
        texts.append(ReasonLabel(button))
        line_row = make_row(gap_px=12, margins=(14, 8, 12, 8))
        line_row.addWidget(IconLabel("clock", "care", line_role="body"), 0, Qt.AlignmentFlag.AlignTop)
        line_row.addLayout(make_column(*texts, gap_px=0), 1)
        line_row.addWidget(button)
        line.setLayout(line_row)
        return line

    def _make_request_and_comparison_panel(self, details: RefundDetails) -> QWidget:
        record, translate = details.record, self._context.translate
        request = make_fact_list(
            (translate("field.reason"), record_texts.format_refund_reason(record, self._context)),
            (translate("field.ticket"), record.ticket),
            (translate("field.payer"), case_words.mask_payer(details.payment.payer)),
            (translate("field.maker"), translate("approvals.asked_by", maker=record.maker, at=record.created_at)),
            *self._list_corporation_facts(details),
        )
        panel = QWidget()
        comparison_panel = make_titled_panel(
            translate("approvals.then_and_now"), self._make_comparison_panel(details), heading_level=3
        )
        columns_box = self._request_and_comparison_box = make_row(
            make_titled_panel(translate("approvals.asked"), request, heading_level=3), comparison_panel, gap_px=24
        )
        self.arrange_panels(is_side_by_side=self._is_side_by_side)
        columns_box.setStretch(0, 1)
        columns_box.setStretch(1, 1)
        source_labels = self._make_registry_source_labels(details)
        panel.setLayout(make_column(columns_box, *source_labels, gap_px=6))
        return panel

    def _make_registry_source_labels(self, details: RefundDetails) -> Sequence[QWidget]:
        """Return the label with the source of the facts about the corporation. It stands below the two panels in
        their whole width: in the narrow panel of the request it would take several lines. Return no label without a
        corporation registry or without a corporation number."""
        facts = details.corporation
        if facts is None:
            return ()
        source = registry_words.format_registry_source(facts.registry_date, self._context.translate)
        return (TextLabel(source, "small", "muted", wraps_lines=True),)

    def _list_corporation_facts(self, details: RefundDetails) -> list[tuple[str, str]]:
        """Return the lines with the corporation's official name, its closure and its successors. Return an
        empty list without a corporation registry or without a corporation number."""
        context, facts = self._context, details.corporation
        if facts is None:
            return []
        name = (
            registry_words.format_registry_name_with_mark(facts.corporation, context.translate)
            if facts.corporation is not None
            else wording.format_corporation_number(facts.number)
        )
        notices = registry_words.list_registry_warnings(facts, (), context.translate)
        text = "\n".join((name, *notices))
        return [(context.translate("column.corporation"), text)]

    def _make_comparison_panel(self, details: RefundDetails) -> QWidget:
        """Return a table with one line per field of the payment: its value when the maker requested the refund, its
        present value, and a word which says that these two values are equal or differ.
        """
        translate, payment = self._context.translate, details.payment
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        for column in (1, 2, 3):
            grid.setColumnStretch(column, 1)
        for column, word, version in ((1, "then", details.version_at_request), (2, "now", payment.version)):
            title = translate(f"approvals.{word}")
            if version is not None:
                title = translate("approvals.of_version", when=title, version=version)
            grid.addWidget(TextLabel(title, "small", "muted"), 0, column)
        present_values: dict[str, object] = {name: getattr(payment, name) for name in _COMPARED_PAYMENT_FIELDS}
        for line, name in enumerate(dict.fromkeys((*_COMPARED_PAYMENT_FIELDS, *details.changed)), 1):
            value_before, value_now = details.changed.get(name, (present_values.get(name), present_values.get(name)))
            is_changed = name in details.changed
            grid.addWidget(TextLabel(translate(f"approvals.field.{name}"), "body", "muted"), line, 0)
            grid.addWidget(TextLabel(self._format_compared_field(name, value_before, details)), line, 1)
            grid.addWidget(
                TextLabel(
                    self._format_compared_field(name, value_now, details), "body", "bad" if is_changed else "text"
                ),
                line,
                2,
            )
            word = translate("approvals.differs" if is_changed else "approvals.same")
            grid.addWidget(TextLabel(word, "body", "bad" if is_changed else "muted"), line, 3)
        return panel

    def _format_compared_field(self, field_name: str, value: object, details: RefundDetails) -> str:
        """Return `value` as text: the value of the field `field_name` of the payment, such as "state" or
        "captured_minor", in the comparison of the payment at the request with the present payment. Return – for None.
        """
        if value is None:
            return wording.NO_VALUE
        if field_name == "state" and wording.has_sentence(f"state.payment.{value}"):
            return self._context.translate(f"state.payment.{value}")
        if field_name.endswith("_minor") and isinstance(value, int):
            return wording.format_amount(value, details.record.currency)
        if field_name == "order_state" and wording.has_sentence(f"state.order.{value}"):
            return self._context.translate(f"state.order.{value}")
        return case_words.mask_payer(str(value)) if field_name == "payer" else str(value)

    def _make_payment_sides_panel(self, details: RefundDetails) -> QWidget:
        """Return the panels that compare the payment on its three sides: its state in this database, at the
        payment provider and in the order, each with the time since it was read."""
        strip = self._money_strip = RecordSideStrip(
            money_facts.make_shown_sides(
                details.payment_sides, self._context, provider=details.payment.provider, record=details.payment
            ),
            self._context.translate("approvals.facts"),
            edge="all",
        )
        panel = QWidget()
        panel.setLayout(
            make_column(
                TextLabel(self._context.translate("approvals.facts"), "panel_title", "muted", heading_level=3),
                strip,
                gap_px=6,
            )
        )
        return panel

    def _make_money_panel(self, details: RefundDetails) -> QWidget:
        """Return the panel that divides the payment's amount into parts: refunded, being sent, unknown, set aside,
        requested by this refund, requested by other waiting refunds, and still refundable. Parts of zero are left
        out, so that the others fit beside each other. Only the refunded part is always shown, so that the approver
        also sees that nothing was refunded before. If this refund was sent or has ended, the panel has no part
        "requested by this refund": its amount then belongs to one of the other parts, or to none.
        """
        context, money, requested_minor = self._context, details.money, details.record.amount_minor
        own_parts: list[MoneyPart] = []
        if details.record.state in _REFUND_STATES_BEFORE_SENDING:
            money = replace(money, waiting=max(0, money.waiting - requested_minor))
            amount, title = (
                wording.format_amount(-requested_minor, money.currency),
                context.translate("money.part.this"),
            )
            own_parts = [MoneyPart(title, amount, requested_minor, "back_hatch", "care")]
        # The request has reserved its amount already: an approval doesn't change the refundable amount.
        money_parts, remaining_part = money_facts.make_money_parts(money, context)
        strip = MoneyPanel(context.translate("money.strip"), margins=(0, 0, 0, 0))
        strip.setProperty("edge", "none")
        shown_parts = [part for part in money_parts if not part.is_muted or part.key == "refunded"]
        strip.show_money_parts([*shown_parts, *own_parts], remaining_part)
        title_key = "approvals.money" if own_parts else "money.strip"
        return make_titled_panel(context.translate(title_key), strip, heading_level=3)

    def _make_passed_checks_panel(self, details: RefundDetails) -> QWidget:
        currency = details.record.currency
        passed_check_lines = [
            refund_words.make_rule_check_line(check, self._context, currency)
            for check in details.checks
            if check.holds
        ]
        panel = QWidget()
        heading = TextLabel(self._context.translate("approvals.checked"), "panel_title", "muted", heading_level=3)
        lines = (
            make_flow_widget(*passed_check_lines, gap_px=20, line_gap_px=6, has_equal_columns=True)
            if passed_check_lines
            else TextLabel(wording.NO_VALUE)
        )
        panel.setLayout(make_column(heading, lines, gap_px=6))
        return panel

    def _make_earlier_refunds_panel(self, refunds: Sequence[Refund]) -> QWidget:
        context = self._context
        heading = TextLabel(context.translate("approvals.earlier"), "panel_title", "muted", heading_level=3)
        lines: list[QWidget] = []
        for refund in refunds:
            badge = record_words.make_state_cell(case_words.get_state_badge_key(refund), context.language)
            refund_sentence = context.translate(
                "approvals.earlier_line",
                at=refund.created_at,
                amount=case_words.format_record_amount(refund),
                state=badge.word,
                maker=refund.maker,
                reason=record_texts.format_refund_reason(refund, context),
            )
            line = QWidget()
            line.setLayout(
                make_icon_row(badge.icon_name, badge.tone, 14, TextLabel(refund_sentence, wraps_lines=True))
            )
            lines.append(line)
        panel = QWidget()
        panel.setLayout(
            make_column(heading, *(lines or [TextLabel(context.translate("approvals.no_earlier"))]), gap_px=4)
        )
        return panel

    def _make_approval_effect_panel(self, details: RefundDetails) -> QWidget:
        """Return the last panel of the request, which explains the steps after the approval."""
        context, record = self._context, details.record
        provider = case_words.get_provider_name(details.payment.provider, context)
        if len(record.checkers) + 1 < details.needed_checker_count:
            key = "approvals.after_first_missing" if details.missing_approver_count else "approvals.after_first"
            next_step_sentence = context.translate(key)
        elif record.sends_after is not None and record.sends_after > context.now():
            next_step_sentence = context.translate(
                "approvals.after_cooling_off", at=record.sends_after, provider=provider
            )
        else:
            next_step_sentence = context.translate("approvals.after_at_once", provider=provider)
        self._end_panel = RefundRequestEndPanel(context.translate("approvals.afterwards"), next_step_sentence)
        self._end_panel.focused.connect(self._scroll_to_end_panel)
        return self._end_panel

    @Slot()
    def _scroll_to_end_panel(self) -> None:
        """Scroll to the end of the request, because the Tab key has moved the focus to its last panel."""
        if self._end_panel is not None:
            self._scroll_to_end()

    def _make_result_panel(self, details: RefundDetails) -> QWidget:
        """Return the panel about a refund that was sent or has ended: its state, the reason for it, and the next
        step."""
        icon_name, tone = case_words.get_verdict_icon_and_tone(details.explanation)
        verdict, *further_sentences = record_words.format_explanation(details.explanation, self._context)
        lines = [TextLabel(verdict, "body", tone, is_bold=True, wraps_lines=True)]
        lines += [TextLabel(sentence, wraps_lines=True) for sentence in further_sentences if sentence]
        panel, box = ToneBox(tone), make_row(gap_px=12, margins=(14, 10, 12, 10))
        box.addWidget(IconLabel(icon_name, tone, line_role="body"), 0, Qt.AlignmentFlag.AlignTop)
        box.addLayout(make_column(*lines, gap_px=2), 1)
        panel.setLayout(box)
        return panel

    @Slot()
    def _open_clicked_record(self) -> None:
        sender = self.sender()
        self.record_requested.emit(str(sender.property("kind")), int(sender.property("case")))


def _find_visible_range(widget: QWidget) -> tuple[int, int]:
    """Return the upper and the lower end of the part of the widget that no widget around it cuts off, in px from the
    widget's top. If the whole widget is cut off, the lower end is not greater than the upper one.
    """
    top, bottom, current = 0, widget.height(), widget
    while not current.isWindow() and (parent := current.parentWidget()) is not None:
        offset = widget.mapTo(parent, QPoint(0, 0)).y()
        top, bottom, current = max(top, -offset), min(bottom, parent.height() - offset), parent
    return top, bottom


def format_approval_title(details: RefundDetails, context: WindowContext) -> str:
    """Return the title of a request. For a person who can still approve the request, the title is a question: approve
    it? For the maker, it is the title of own requests. For a person without the right to approve, it names the
    request. For a refund that was sent or has ended, and for a person who has already approved the request, it names
    the refund and its amount."""
    amount = wording.format_amount(details.record.amount_minor, details.record.currency)
    has_approved = any(is_same_person(name, context.operator or "") for name in details.record.checkers)
    if has_approved or details.record.state not in _REFUND_STATES_BEFORE_SENDING:
        return context.translate(
            "approvals.decided_title", title=case_words.format_record_title(details.record, context), amount=amount
        )
    if is_same_person(details.record.maker, context.operator or ""):  # a maker is never asked to approve
        return context.translate("approvals.own_title", amount=amount)
    if context.find_missing_right_reason("refund_approve"):
        return context.translate("approvals.request_title", amount=amount)
    return context.translate("dialog.approve.title", amount=amount)


def make_approval_badges(details: RefundDetails, context: WindowContext) -> list[Badge]:
    return [
        Badge.from_badge_key(key, context.language)
        for key in case_words.get_badge_keys(details.record, context.now())
    ]
