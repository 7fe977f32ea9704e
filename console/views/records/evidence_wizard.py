"""The form for a decision by evidence, in four steps: give evidence, choose the result, state the reason, check the
effect."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QMimeData, QRectF, QSize, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QAccessible, QDragEnterEvent, QDropEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QFileDialog, QGridLayout, QLayout, QSizePolicy, QWidget

from console.domain.access.permissions import is_same_person
from console.domain.recovery.decision_reasons import LONGEST_DECISION_REASON_CHARACTERS, DecisionReason, StatedReason
from console.domain.recovery.records import DecisionChoice
from console.views.refunds.texts import arrange_side_by_side
from console.views.runtime.announcer import announce
from console.views.runtime.context import WindowContext
from console.views.theme.painting import draw_frame
from console.views.theme.theme import current_appearance
from console.views.widgets.base import Surface, TextLabel, make_column, make_row
from console.views.widgets.controls.buttons import KeyButton
from console.views.widgets.controls.inputs import (
    DropDownList,
    Field,
    LineEdit,
    MultiLineField,
    RadioButton,
    make_labelled_control,
)
from console.views.widgets.window.save_file import open_in_last_folder
from console.wording.sentences import catalogue as wording

NUMBER_EVIDENCE = "number"
FILE_EVIDENCE = "file"
TEXT_EVIDENCE = "text"
_STEP_INDENT_PX = 24
_INPUT_GAP_PX = 4  # between a radio button, with its focus ring, and the input below it
_PERSON_DEPENDENT_REASON_CODES = frozenset({"reason.own_first_half", "reason.role"})
"""Codes of the reasons that exclude a result for this person, but not for another person."""


class EvidenceForm(QWidget):
    """The form in which a person resolves an unknown outcome in four numbered steps: give evidence, choose the
    result, state the reason, check the effect. A subclass defines the kinds of evidence, the results and their
    effects.

    Signals:
    - changed: an input has changed, so `find_disabled_reason` may return another reason.
    """

    changed = Signal()
    preselected_reason_by_evidence_kind: Mapping[str, DecisionReason] = {}
    """For each kind of evidence, the decision reason that the form selects itself; the person can select another
    decision reason.
    """

    def __init__(
        self,
        context: WindowContext,
        proposer: str | None,
        number_field: Field,
        kind_buttons: Mapping[str, RadioButton],
        outcome_buttons: Mapping[str, RadioButton],
    ) -> None:
        """`proposer` is the person whose proposed decision waits for a second person; None if no decision waits. The
        form uses this name for each result about which `store_decision_choices` has stored no choice; a stored choice
        states its own proposer. `number_field` is the field for the id that the provider gave to the record.
        `kind_buttons` are the radio buttons of the kinds of evidence ("number", "file", "text"), by name.
        `outcome_buttons` are the radio buttons of the results, such as "success", by name.
        """
        super().__init__()
        self._context, self._proposer = context, proposer
        self.number_field, self.kind_buttons, self.outcome_buttons = number_field, kind_buttons, outcome_buttons
        self.file_field = Field(context.translate("field.evidence_file"))
        self.choose_button = KeyButton(context.translate("action.choose_file"))
        self.text_field = MultiLineField(context.translate("field.evidence_text"), context.translate)
        self.reason_list = DropDownList(
            context.translate("field.reason"), placeholder=context.translate("dialog.refund.choose_reason")
        )
        self.reason_text_field = Field(context.translate("dialog.resolve.reason_words"))
        self._preselection_note = TextLabel(
            context.translate("dialog.resolve.reason_preselected"), "small", "muted", wraps_lines=True
        )
        self._preselection_note.hide()
        self._evidence_kind_of_preselection, self._has_person_selected_reason = "", False
        self._fill_reason_inputs()
        self._disabled_reason_labels = {
            name: TextLabel("", "small", "muted", wraps_lines=True) for name in outcome_buttons
        }
        self.effect_label = TextLabel("", wraps_lines=True)
        self.order_effect_label, self.money_effect_label = (
            TextLabel("", wraps_lines=True),
            TextLabel("", wraps_lines=True),
        )
        self._choice_by_outcome: Mapping[str, DecisionChoice] = {}
        self.is_reading_choices = False
        """True while the decision choices are being read (see `store_decision_choices`). Until they are read, the
        form doesn't know whether another person has proposed an outcome.
        """
        self.second_person_label = TextLabel("", "body", "muted", wraps_lines=True)
        self.file_field.label.hide()  # the radio button above is its label
        self._kind_group, self._outcome_group = (
            self._make_button_group(kind_buttons),
            self._make_button_group(outcome_buttons),
        )
        self._build_layout()
        self._connect_signals()
        # A file may be dropped anywhere on the form. The inputs would take its URL as their text.
        self.setAcceptDrops(True)
        for field in (self.number_field, self.file_field, self.text_field, self.reason_text_field):
            field.edit.setAcceptDrops(False)

    def _fill_reason_inputs(self) -> None:
        for code in DecisionReason:
            self.reason_list.addItem(self._context.translate(f"decision_reason.{code}"), code)
        self.reason_list.setCurrentIndex(-1)
        if isinstance(self.reason_text_field.edit, LineEdit):
            self.reason_text_field.edit.setMaxLength(LONGEST_DECISION_REASON_CHARACTERS)

    def _make_button_group(self, buttons: Mapping[str, RadioButton]) -> QButtonGroup:
        group = QButtonGroup(self)
        for button in buttons.values():
            group.addButton(button)
        return group

    def _build_layout(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        content_by_step = {
            "evidence": self._make_evidence_step(),
            "outcome": self._make_result_step(),
            "reason": self._make_reason_step(),
            "effect": self._make_effect_step(),
        }
        for number, (name, content) in enumerate(content_by_step.items()):
            content_area, title_area = Surface(edge="top"), Surface(edge="top")
            content_area.setLayout(content)
            content_area.setAccessibleName(self._context.translate(f"dialog.resolve.step_{name}"))
            title_area.setMinimumWidth(round(124 * current_appearance().scale))
            title_label = TextLabel(self._context.translate(f"dialog.resolve.step_{name}"), is_bold=True)
            title_area.setLayout(
                make_column(
                    make_row(WizardStepNumber(number + 1), title_label, None, gap_px=8), None, margins=(0, 12, 0, 12)
                )
            )
            grid.addWidget(title_area, number, 0)
            grid.addWidget(content_area, number, 1)
        grid.setColumnStretch(1, 1)
        QWidget.setTabOrder(self.reason_text_field.edit, self.reason_list)

    def _make_reason_step(self) -> QLayout:
        """Return the layout of the third step: the list with the code of the reason, and after it, as in the form of
        a refund, a field for the reason in the person's own words. The form selects a code, so that most people only
        have to type the words: the Tab key goes to the words first, and then back to the list."""
        labelled_list = make_labelled_control(self._context.translate("field.reason"), self.reason_list)
        layout = make_column(gap_px=4, margins=(0, 10, 0, 12))
        layout.addLayout(
            arrange_side_by_side(labelled_list, self.reason_text_field, stretched_widget=self.reason_text_field)
        )
        layout.addWidget(self._preselection_note)
        return layout

    def _make_evidence_step(self) -> QLayout:
        file_row = make_row(self.file_field, self.choose_button, gap_px=8)
        file_row.setAlignment(self.choose_button, Qt.AlignmentFlag.AlignTop)
        number_area = _make_indented_column(
            self.number_field, *self._make_widgets_below_number(), gap_above_px=_INPUT_GAP_PX
        )
        self._input_by_evidence_kind = {
            NUMBER_EVIDENCE: number_area,
            FILE_EVIDENCE: _make_indented_column(file_row, gap_above_px=_INPUT_GAP_PX),
            TEXT_EVIDENCE: _make_indented_column(self.text_field, gap_above_px=_INPUT_GAP_PX),
        }
        widgets: list[QWidget] = []
        for name, radio in self.kind_buttons.items():
            widgets += [radio, self._input_by_evidence_kind[name]]
        return make_column(*widgets, gap_px=4, margins=(0, 10, 0, 12))

    def _make_widgets_below_number(self) -> tuple[QWidget, ...]:
        """Return the widgets to show below the field for the id that the provider gave to the record; none by
        default."""
        return ()

    def _make_result_step(self) -> QLayout:
        widgets: list[QWidget] = []
        for name, radio in self.outcome_buttons.items():
            widgets += [
                radio,
                _make_indented_column(self._disabled_reason_labels[name], *self._make_widgets_below_outcome(name)),
            ]
        return make_column(*widgets, gap_px=2, margins=(0, 10, 0, 12))

    def _make_widgets_below_outcome(self, _name: str) -> tuple[QWidget, ...]:
        """Return the widgets to show below the radio button of the result `_name`; none by default."""
        return ()

    def _make_effect_step(self) -> QLayout:
        return make_column(
            self.effect_label,
            self.order_effect_label,
            self.money_effect_label,
            self.second_person_label,
            gap_px=4,
            margins=(0, 12, 0, 4),
        )

    def _connect_signals(self) -> None:
        for radio in (*self.kind_buttons.values(), *self.outcome_buttons.values()):
            radio.toggled.connect(self._update_result_buttons)
        for field in (self.number_field, self.file_field, self.text_field):
            field.edit.textChanged.connect(self._update_result_buttons)
        for radio in self.kind_buttons.values():
            radio.toggled.connect(self._preselect_reason)
        self.reason_list.activated.connect(self._mark_reason_as_selected_by_person)
        self.reason_list.currentIndexChanged.connect(self._update_preselection_note)
        self.reason_list.currentIndexChanged.connect(self.changed)
        self.reason_text_field.edit.textChanged.connect(self.changed)
        self.choose_button.clicked.connect(self._choose_evidence_file)

    def get_draft_inputs(self) -> dict[str, QWidget]:
        """Return the widgets whose contents a draft stores, by the name of the input. The results come after
        the evidence, because a draft fills the inputs in this order, and a result can be selected only after its
        evidence is given."""
        kind_inputs = {f"kind.{name}": radio for name, radio in self.kind_buttons.items()}
        outcome_inputs = {f"outcome.{name}": radio for name, radio in self.outcome_buttons.items()}
        evidence_inputs = {"number": self.number_field, "file": self.file_field, "text": self.text_field}
        return {
            **kind_inputs,
            **evidence_inputs,
            **outcome_inputs,
            "reason": self.reason_list,
            "reason_words": self.reason_text_field,
        }

    # -- choices

    @property
    def evidence_kind(self) -> str:
        """The name of the selected kind of evidence: "number", "file" or "text"; "" if none is selected."""
        return next((name for name, radio in self.kind_buttons.items() if radio.isChecked()), "")

    @property
    def outcome(self) -> str:
        """The name of the chosen result, such as "success"; "" if none is chosen."""
        return next((name for name, radio in self.outcome_buttons.items() if radio.isChecked()), "")

    def format_outcome(self) -> str:
        """Return the text of the chosen result."""
        return self.outcome_buttons[self.outcome].text()

    @property
    def id_at_provider(self) -> int | str | None:
        """The id that the provider gave to the purchase (an int), payment or refund (a str), as the person has typed
        it; it is stored with the decision. None if the person has given none."""
        return None

    @property
    def stated_reason(self) -> StatedReason | None:
        """The person's reason: the selected code with the person's own words; None if the code or the words are
        missing. If the evidence is a statement that the person has typed, this statement also counts as the words."""
        is_evidence_a_statement = self.evidence_kind == TEXT_EVIDENCE
        reason_text = " ".join(
            (self.text_field if is_evidence_a_statement else self.reason_text_field).text().split()
        )[:LONGEST_DECISION_REASON_CHARACTERS]
        if not reason_text or self.reason_list.currentIndex() < 0:
            return None
        return StatedReason(DecisionReason(self.reason_list.currentData()), reason_text)

    def get_evidence(self) -> str | Path:
        """Return the evidence that the person has given: the path of a file, or a text."""
        if self.evidence_kind == FILE_EVIDENCE:
            return Path(_parse_path(self.file_field.text()))
        return (
            self._format_number_evidence()
            if self.evidence_kind == NUMBER_EVIDENCE
            else self.text_field.text().strip()
        )

    def _format_number_evidence(self) -> str:
        """Return the text that is stored as evidence if the evidence is the id that the provider gave to the
        record."""
        return self.number_field.text().strip()

    def find_disabled_reason(self) -> str:
        """Return the reason why the person can't send the decision yet: the evidence, the result or the reason for
        the decision is missing, or the decision choices are still being read. Return "" if nothing is missing."""
        if not self._has_evidence():
            return self._context.translate("dialog.resolve.needs_evidence")
        if self.is_reading_choices:
            return self._context.translate("screen.reading")
        if not self.outcome:
            return self._context.translate("dialog.resolve.needs_outcome")
        if self.stated_reason is None:
            missing_part = "reason" if self.reason_list.currentIndex() < 0 else "words"
            return self._context.translate(f"dialog.resolve.needs_{missing_part}")
        return ""

    def find_missing_input(self) -> QWidget | None:
        """Return the first input without which the person can't send the decision, in the sequence of
        `find_disabled_reason`; None if nothing is missing, or if the decision choices are still being read."""
        if not self._has_evidence():
            field = self._field_by_evidence_kind.get(self.evidence_kind)
            buttons = (button for button in self.kind_buttons.values() if button.isEnabled())
            return next(buttons, None) if field is None else field.edit
        if self.is_reading_choices:
            return None
        if not self.outcome:
            return next((button for button in self.outcome_buttons.values() if button.isEnabled()), None)
        if self.stated_reason is None:
            return self.reason_list if self.reason_list.currentIndex() < 0 else self.reason_text_field.edit
        return None

    @property
    def _field_by_evidence_kind(self) -> Mapping[str, Field]:
        return {NUMBER_EVIDENCE: self.number_field, FILE_EVIDENCE: self.file_field, TEXT_EVIDENCE: self.text_field}

    def _has_evidence(self) -> bool:
        return bool(self.evidence_kind and self._field_by_evidence_kind[self.evidence_kind].text().strip())

    # -- consequences

    @Slot()
    def _update_result_buttons(self) -> None:
        """Enable the results that the given evidence supports. The other results stay visible but disabled, each
        with its reason."""
        for name, widget in self._input_by_evidence_kind.items():
            widget.setVisible(name == self.evidence_kind)
        self.reason_text_field.setVisible(self.evidence_kind != TEXT_EVIDENCE)
        missing_evidence = "" if self._has_evidence() else self._context.translate("dialog.resolve.needs_evidence")
        for name in self.outcome_buttons:
            self._enable_or_disable_result(
                name,
                self._find_exclusion_reason(name) or missing_evidence or self._find_outcome_disabled_reason(name),
            )
        self._select_result_if_only_one()
        self._show_effect()
        self._show_dry_run()
        self.changed.emit()

    @Slot()
    def _preselect_reason(self) -> None:
        """Select the code in `preselected_reason_by_evidence_kind` for the selected kind of evidence; select no code
        if the dictionary has none. If the person has selected a code, leave that code selected."""
        if self.reason_list.currentIndex() >= 0 and not self._is_reason_preselected:
            return
        self._evidence_kind_of_preselection, self._has_person_selected_reason = self.evidence_kind, False
        reason_code = self.preselected_reason_by_evidence_kind.get(self.evidence_kind)
        self.reason_list.setCurrentIndex(-1 if reason_code is None else self.reason_list.findData(reason_code))
        self._update_preselection_note()

    @Slot()
    def _mark_reason_as_selected_by_person(self) -> None:
        """From now on, treat the selected code as the person's own choice, even if it equals the code that the form
        has selected."""
        self._has_person_selected_reason = True
        self._update_preselection_note()

    @property
    def _is_reason_preselected(self) -> bool:
        """True if the form has selected the present code of the reason, and the person has not selected a code."""
        preselected_reason = self.preselected_reason_by_evidence_kind.get(self._evidence_kind_of_preselection, "")
        return not self._has_person_selected_reason and bool(self.reason_list.currentData() == preselected_reason)

    @Slot()
    def _update_preselection_note(self) -> None:
        """Show a sentence that the form has selected the code of the reason, or hide it after the person has selected
        a code."""
        self._preselection_note.setVisible(self._is_reason_preselected)

    def store_decision_choices(self, choices: Sequence[DecisionChoice]) -> None:
        """Store the choices that the service has returned. Each choice is about one result: it contains the changes
        that the result would make and, if the stored facts exclude the result, the reason. Before this call, the form
        disables no result because of stored facts."""
        self._choice_by_outcome = {choice.name.removeprefix("resolve."): choice for choice in choices}
        self.end_reading_choices()

    def end_reading_choices(self) -> None:
        """Enable the person's decision after the choices have been stored, or after the read of the choices has
        failed."""
        self.is_reading_choices = False
        self._update_result_buttons()

    def _find_exclusion_reason(self, name: str) -> str:
        """Return the reason why the stored facts exclude the result `name` for every person and every evidence; "" if
        they don't exclude it. `_find_outcome_disabled_reason` returns the reasons that depend on the person."""
        choice = self._choice_by_outcome.get(name)
        if (
            choice is None
            or choice.allowed
            or choice.reason is None
            or choice.reason in _PERSON_DEPENDENT_REASON_CODES
        ):
            return ""
        return self._context.translate(choice.reason, **choice.facts)

    def _show_dry_run(self) -> None:
        """Show the state of the order and the refundable amount, before and after the selected result. The service
        has computed these changes.
        """
        translate, choice = self._context.translate, self._choice_by_outcome.get(self.outcome)
        order_states, money_parts = (
            (choice.effect.order_state_change, choice.effect.money_change)
            if choice and choice.effect
            else (None, None)
        )
        self.order_effect_label.setVisible(order_states is not None and order_states[0] != order_states[1])
        self.money_effect_label.setVisible(money_parts is not None)
        if order_states is not None:
            text_before, text_after = (translate(f"state.order.{state}") for state in order_states)
            self.order_effect_label.show_text(
                translate("dialog.resolve.effect_order", before=text_before, after=text_after)
            )
        if money_parts is not None:
            text_before, text_after = (
                wording.format_amount(parts.refundable, parts.currency) for parts in money_parts
            )
            self.money_effect_label.show_text(
                translate("dialog.resolve.effect_refundable", before=text_before, after=text_after)
            )

    def _select_result_if_only_one(self) -> None:
        """If the evidence supports only one result, select and announce it, and let the Tab key skip the results. The
        announcement is needed because a person who doesn't see the screen would otherwise not learn the result: the
        focus never comes to it.
        """
        possible_buttons = [radio for radio in self.outcome_buttons.values() if radio.isEnabled()]
        focus_policy = Qt.FocusPolicy.ClickFocus if len(possible_buttons) == 1 else Qt.FocusPolicy.StrongFocus
        for radio in self.outcome_buttons.values():
            radio.setFocusPolicy(focus_policy)
        if len(possible_buttons) == 1 and not possible_buttons[0].isChecked():
            possible_buttons[0].setChecked(True)
            sentence = self._context.translate("dialog.resolve.only_outcome", state=possible_buttons[0].text())
            announce(self, sentence, is_stored=False)

    def _find_outcome_disabled_reason(self, name: str) -> str:
        """Return the reason why the acting person can't choose the result `name` with the given evidence; "" if the
        person can choose it. A subclass adds the reasons that apply only to its kind of record."""
        return self._find_second_person_refusal(name)

    def _show_effect(self) -> None:
        """Show two sentences. The first one has the state of the record before and after the selected result. The
        second one says whether a second person must confirm the decision, and names the people who may confirm it.
        Without a selected result, show that nothing changes yet. The subclass implements this method.
        """

    @property
    def needs_second_person(self) -> bool:
        """True if two people must decide the selected result. The subclass implements this property."""
        return False

    @property
    def is_acting_person_second(self) -> bool:
        """True if another person has proposed the selected result, so that the acting person's decision is the second
        one and settles the record."""
        proposer = self._find_proposer(self.outcome)
        return (
            self.needs_second_person
            and proposer is not None
            and not is_same_person(proposer, self._context.operator or "")
        )

    def _find_proposer(self, outcome_name: str) -> str | None:
        """Return the person whose proposal of this result waits for a second person; None if no proposal of it waits.
        If the form has no choice about this result, return the `proposer` of the constructor. A decision for a
        different result replaces the proposal and needs a second person again."""
        choice = self._choice_by_outcome.get(outcome_name)
        return self._proposer if choice is None else choice.proposer

    def _format_second_person_text(self, one_person_key: str) -> str:
        """Return the text which says that a second person must confirm the selected result and names the people who
        may confirm it, or that the acting person is the second person. For a result that one person decides, return
        the text with the wording key `one_person_key`. Return "" if no result is selected."""
        translate, context = self._context.translate, self._context
        if not self.outcome:
            return ""
        if not self.needs_second_person:
            return translate(one_person_key)
        if self.is_acting_person_second:
            return translate("dialog.resolve.you_are_second", person=self._find_proposer(self.outcome))
        return translate(
            "dialog.resolve.second_person", people=context.list_other_people_with_right("resolve_second")
        )

    def _find_second_person_refusal(self, outcome_name: str) -> str:
        """Return the reason why the acting person can't confirm this result, which another person has proposed: the
        second person must be an approver and must not be the proposer. Return "" if the acting person can confirm it,
        or if no proposal of the result waits.
        """
        proposer = self._find_proposer(outcome_name)
        if proposer is None:
            return ""
        if is_same_person(proposer, self._context.operator or ""):
            return self._context.translate(
                "dialog.resolve.began_yourself", people=self._context.list_other_people_with_right("resolve_second")
            )
        return self._context.find_missing_right_reason("resolve_second", proposer)

    def _enable_or_disable_result(self, outcome_name: str, disabled_reason: str) -> None:
        """Enable the radio button of the result `outcome_name` if `disabled_reason` is "". Otherwise disable and
        deselect it, and show the reason."""
        radio = self.outcome_buttons[outcome_name]
        radio.setEnabled(not disabled_reason)
        radio.setAccessibleDescription(disabled_reason)
        if disabled_reason and radio.isChecked():
            self._outcome_group.setExclusive(False)
            radio.setChecked(False)
            self._outcome_group.setExclusive(True)
        self._disabled_reason_labels[outcome_name].show_text(disabled_reason)
        self._disabled_reason_labels[outcome_name].setVisible(bool(disabled_reason))

    @Slot()
    def _choose_evidence_file(self) -> None:
        dialog = QFileDialog(self, self._context.translate("field.evidence_file"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        open_in_last_folder(dialog)
        dialog.fileSelected.connect(self._store_chosen_file)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if FILE_EVIDENCE in self.kind_buttons and _find_local_file(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)  # a move would delete the file in its folder
            event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        """Make the dropped file the evidence, in place of the kind of evidence that was selected before."""
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.kind_buttons[FILE_EVIDENCE].setChecked(True)
        self._store_chosen_file(_find_local_file(event.mimeData()))

    @Slot(str)
    def _store_chosen_file(self, path: str) -> None:
        if isinstance(self.file_field.edit, LineEdit):
            self.file_field.edit.setText(path)


def read_decision_choices(context: WindowContext, form: EvidenceForm, kind: str, id: int | str) -> None:
    """Ask the service which results the stored facts exclude and which changes each result would make, and store the
    answer in the form. The answer comes later; until then `is_reading_choices` is True, and the person can't send the
    decision. `kind` and `id` name the record to settle. If the call fails, the form excludes no result, because the
    service checks the decision again when it gets the decision."""
    form.is_reading_choices = True
    context.run_read(
        lambda services: services.recovery.find_choices(kind, id),
        form.store_decision_choices,
        lambda _failure: form.end_reading_choices(),
        caller=form,
        key=("choices", kind, id),
    )


def _find_local_file(data: QMimeData) -> str:
    """Return the path of the file that `data` names; "" if it names none, several, or one that is not on this
    machine."""
    urls = data.urls()
    return urls[0].toLocalFile() if len(urls) == 1 else ""


def _parse_path(text: str) -> str:
    """Return the path that a person has typed or pasted. A file that was copied in a file manager is pasted as its
    URL, and Windows writes a copied path in quotation marks."""
    path = text.strip().strip('"')
    return QUrl(path).toLocalFile() if path.startswith("file:") else path


class WizardStepNumber(QWidget):
    """A widget that shows the number of a step inside a ring."""

    accessible_role = QAccessible.Role.StaticText

    def __init__(self, number: int) -> None:
        super().__init__()
        self.setAccessibleName(str(number))
        self._number = number
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(current_appearance().icon_px(22), current_appearance().icon_px(22))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        draw_frame(painter, box, box.height() / 2, current_appearance().colour("border"), None)
        painter.setFont(current_appearance().font("small"))
        painter.setPen(current_appearance().colour("text"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, str(self._number))


def _make_indented_column(*items: QWidget | QLayout, gap_above_px: int = 0) -> QWidget:
    column_widget, indent_px = QWidget(), round(_STEP_INDENT_PX * current_appearance().scale)
    column_widget.setLayout(make_column(*items, gap_px=4, margins=(indent_px, gap_above_px, 0, 0)))
    return column_widget
