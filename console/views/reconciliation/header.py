"""The header of a reconciliation run's page (state, counts, compared files), and the footer with the actions on
the current difference."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from console.domain.payments.provider_registry import find_provider, has_daily_files
from console.domain.reconciliation.service_results import (
    VERDICTS_OF_PART,
    DifferenceItem,
    ReconciliationRunDetails,
    RunState,
)
from console.domain.records import RECONCILIATION_CASE_RULES
from console.views.pages.permission_buttons import DisabledReasonsLabel, bind_button_to_right
from console.views.presenters import reconciliation as words
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Tone, tokens
from console.views.widgets.base import IconLabel, Surface, TextLabel, discard_widget, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.display.copyable_id import CopyableId
from console.views.widgets.layout.flow_layout import make_flow_widget
from console.views.widgets.window.notification_bars import NotificationBar
from console.wording.sentences import catalogue as wording

_MAX_SHOWN_PROVIDER_FILES = 3
RUN_FIGURE_NAMES = ("rows", "agree", "differ", "only_ours", "only_theirs", "refused", "waiting")


class RunHeader(Surface):
    """The header of a reconciliation run's page: title, state, time, counts and compared files.

    Signals:
    - checksum_copied(str): the person has copied this checksum of a file.
    """

    checksum_copied = Signal(str)

    def __init__(self, context: WindowContext) -> None:
        super().__init__(edge="bottom")
        self._context = context
        self.title_label = TextLabel("", "section", is_bold=True, heading_level=2)
        self._state_icon = IconLabel("check", "muted")
        self.state_label = TextLabel("")
        self.run_times_label = TextLabel("", "small", "muted", wraps_lines=True)
        self._figure_by_name = {name: TextLabel("", "data", is_bold=True) for name in RUN_FIGURE_NAMES}
        self._file_list = QWidget()
        margin = tokens().px("spacing", "page_margin")
        self._layout = make_column(margins=(margin, 10, margin, 10), gap_px=8)
        title_and_state = make_flow_widget(
            self.title_label, make_side_by_side_widget(self._state_icon, self.state_label), gap_px=12
        )
        self._layout.addWidget(title_and_state)
        self._layout.addWidget(self.run_times_label)
        self._layout.addWidget(
            make_flow_widget(*(self._make_run_figure(name) for name in RUN_FIGURE_NAMES), gap_px=28, line_gap_px=8)
        )
        self._layout.addWidget(self._file_list)
        self.setLayout(self._layout)

    def _make_run_figure(self, name: str) -> QWidget:
        """Return the widget with one of the counts of the run; `name` is one of RUN_FIGURE_NAMES."""
        figure = QWidget()
        word = TextLabel(self._context.translate(f"reconcile.part.{name}"), "small", "muted")
        figure.setLayout(make_column(word, self._figure_by_name[name], gap_px=0))
        return figure

    def show_run(self, run_details: ReconciliationRunDetails) -> None:
        """Show the values of this reconciliation run in place of the earlier values."""
        item, context = run_details.item, self._context
        cell = words.make_run_state_cell(item, context)
        self.title_label.show_text(words.format_run_title(item, context))
        self._state_icon.show_icon(cell.icon_name, cell.tone)
        self.state_label.show_text(cell.word, "text" if cell.tone == "good" else cell.tone)
        self.run_times_label.show_text(words.format_run_times(item, context))
        counts = {
            "rows": item.compared_count,
            "agree": item.matched_count,
            "differ": item.differing_count,
            "only_ours": item.missing_at_provider_count,
            "only_theirs": item.imported_count,
            "refused": run_details.refused_row_count,
            "waiting": run_details.open_case_count,
        }
        for name, count in counts.items():
            tone: Tone = "care" if name in ("refused", "waiting") and count else "text"
            figure = wording.format_count(count)
            if name in VERDICTS_OF_PART:
                figure = words.format_difference_count_of_part(name, run_details)
            elif name == "waiting":  # known only if the run has read everything
                figure = words.format_difference_count(count, item)
            self._figure_by_name[name].show_text(figure, tone)
            self._figure_by_name[name].setAccessibleName(f"{context.translate(f'reconcile.part.{name}')} {figure}")
        self._show_provider_files(run_details)

    def _show_provider_files(self, run_details: ReconciliationRunDetails) -> None:
        """Show the files that the run has compared, each with its SHA-256, the last compared file first. Show at most
        _MAX_SHOWN_PROVIDER_FILES files, and the number of the further files. If the run has compared no file, show a
        sentence about the way in which it has compared the payments.
        """
        context, lines = self._context, list[QWidget]()
        for read_file in list(reversed(run_details.files))[:_MAX_SHOWN_PROVIDER_FILES]:
            line = TextLabel(words.format_provider_file(read_file, context), "small", "muted")
            name = context.translate("reconcile.file.checksum")
            short_form = f"SHA-256 {read_file.sha256[:8]}…{read_file.sha256[-4:]}"
            checksum = CopyableId(
                short_form,
                read_file.sha256,
                name,
                copy_label=context.translate("action.copy"),
                role="small",
                tone="muted",
            )
            checksum.copied.connect(self.checksum_copied)
            lines.append(make_flow_widget(line, checksum, gap_px=12))
        if len(run_details.files) > _MAX_SHOWN_PROVIDER_FILES:
            lines.append(
                TextLabel(
                    context.translate("reconcile.file.more", n=len(run_details.files) - _MAX_SHOWN_PROVIDER_FILES),
                    "small",
                    "muted",
                )
            )
        if not run_details.files:
            lines.append(
                TextLabel(
                    context.translate(self._get_no_files_wording_key(run_details)), "small", "muted", wraps_lines=True
                )
            )
        newest_files = QWidget()
        newest_files.setLayout(make_column(*lines, gap_px=2))
        self._layout.replaceWidget(self._file_list, newest_files)
        discard_widget(self._file_list)
        self._file_list = newest_files

    @staticmethod
    def _get_no_files_wording_key(run_details: ReconciliationRunDetails) -> str:
        if find_provider(run_details.item.provider) is None:
            return "reconcile.file.notices"
        if not has_daily_files(run_details.item.provider):
            return "reconcile.file.asked_each"
        if run_details.item.state is RunState.FAILED:
            return "reconcile.file.none_failed"
        is_open = run_details.item.state in (RunState.RUNNING, RunState.RESUMABLE)
        return "reconcile.file.none_yet" if is_open else "reconcile.file.none"

    @property
    def focus_stops(self) -> tuple[QWidget, ...]:
        """The widgets of the header that can have the focus, in tab order."""
        return tuple(self._file_list.findChildren(CopyableId))


def make_side_by_side_widget(*widgets: QWidget) -> QWidget:
    """Return a widget that contains these widgets side by side."""
    row_widget = QWidget()
    row_widget.setLayout(make_row(*widgets, gap_px=6))
    return row_widget


def can_resume_run(run_details: ReconciliationRunDetails | None) -> bool:
    """Return True if a person can resume the run, because it was interrupted. Return False for None."""
    return run_details is not None and run_details.item.state is RunState.RESUMABLE


def make_run_state_bar(run_details: ReconciliationRunDetails, context: WindowContext) -> NotificationBar | None:
    """Return the bar with the message about a run that is running, interrupted or failed, or that couldn't read some
    rows of the provider. Return None for a run in any other state."""
    item, translate = run_details.item, context.translate
    if item.state is not RunState.DONE:
        key, state_cell = f"reconcile.bar.{item.state}", words.make_run_state_cell(item, context)
        starter = run_details.holder.operator if run_details.holder else item.asked_by
        return NotificationBar(
            translate(key),
            translate(f"{key}_words", who=starter, cause=item.reason, provider=item.provider),
            tone=state_cell.tone,
            icon_name=state_cell.icon_name,
        )
    if run_details.refused_row_count:
        lead, sentence = (
            translate("reconcile.bar.refused", n=run_details.refused_row_count),
            translate("reconcile.bar.refused_words" if item.is_missing_unknown else "reconcile.bar.left_out_words"),
        )
        return NotificationBar(lead, sentence, tone="care", icon_name="question")
    return None


class DifferenceFooter(Surface):
    """The footer with the advice on the current difference, and with the buttons of the actions on it. The page
    connects the buttons with the actions."""

    def __init__(self, context: WindowContext) -> None:
        super().__init__(is_raised=True, edge="top")
        self._context, translate = context, context.translate
        self.advice_label = TextLabel("", "body", wraps_lines=True, is_selectable=True)
        self.open_button = KeyButton(translate("reconcile.open"), "O", binds_key=False)
        self.probe_button = bind_button_to_right(
            context, KeyButton(translate("action.probe"), "P", binds_key=False), "probe"
        )
        self.note_button = bind_button_to_right(
            context, KeyButton(translate("action.note"), "N", binds_key=False), "note"
        )
        self.buttons = (self.open_button, self.probe_button, self.note_button)
        reasons = DisabledReasonsLabel(self.probe_button, self.note_button)
        self.setLayout(
            make_column(
                self.advice_label, make_flow_widget(*self.buttons), reasons, gap_px=6, margins=(24, 10, 24, 10)
            )
        )
        self.hide()

    def show_difference(self, difference: DifferenceItem | None) -> None:
        """Show the advice and the possible actions for a difference. If the difference is None, hide the footer."""
        self.setVisible(difference is not None)
        if difference is not None:
            self.advice_label.show_text(words.format_difference_advice(difference, self._context))
            self.probe_button.setVisible(difference.action == "probe")
            for button in (self.open_button, self.note_button):
                button.setVisible(difference.payment is not None)
            advised_button = self._find_advised_button(difference)
            for button in (self.open_button, self.probe_button):
                button.set_kind("primary" if button is advised_button else "default")

    def _find_advised_button(self, difference: DifferenceItem) -> KeyButton | None:
        """Return the button of the next step for the difference. This is the probe button if the program must first
        ask the provider, otherwise the button that opens the payment, for example after a probe that has not removed
        the difference. Return None if the difference has no case, so that no step is needed."""
        if difference.case is None:
            return None
        is_probe_first = (
            difference.action == "probe"
            and difference.case.rule_id in RECONCILIATION_CASE_RULES
            and not difference.was_reported_after_case
        )
        return self.probe_button if is_probe_first else self.open_button
