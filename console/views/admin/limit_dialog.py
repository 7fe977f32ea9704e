"""The dialog in which an administrator proposes a new value for a limit of refunds, or confirms the value that
another administrator has proposed."""

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from console.domain.access.permissions import is_same_person
from console.domain.money import InvalidAmountText, parse_typed_money
from console.domain.payments.limits import Limit, LimitUnit, get_largest_limit, get_limit_unit
from console.views.pages.dialog_drafts import DialogDraft
from console.views.pages.form_dialog import FormDialog
from console.views.runtime.context import ServiceCall, Toast, WindowContext
from console.views.theme.theme import current_appearance
from console.views.widgets.base import TextLabel
from console.views.widgets.controls.inputs import Field, LineEdit
from console.wording import limit_words
from console.wording.sentences import catalogue as wording

_VALUE_WIDTH_PX = 168  # at text size 1


def translate_limit_name(context: WindowContext, name: str) -> str:
    """Return the name of the limit `name` in the window's language."""
    return limit_words.format_limit_name(name, context.language)


def format_limit_value(context: WindowContext, limit: Limit, value: int | None) -> str:
    """Return `value`, which is a value of the limit `limit`, as text with its unit. For None return a text which says
    that the limit isn't set."""
    if value is None:
        return context.translate("limit.not_set")
    return limit_words.format_limit_value(limit.name, value, limit.currency, context.language)


class LimitDialog(FormDialog):
    """The dialog in which an administrator types a new value for one limit and sends it to the service as a proposal.
    If a value is already proposed, the field contains this value. If another administrator has proposed it, sending
    the same value confirms the proposal and changes the limit; the dialog says so. If the person has proposed it, the
    person can't send the same value again. The typed value is kept as a draft until the service has stored it.
    """

    right_name = "limits"

    def __init__(self, context: WindowContext, limit: Limit, parent: QWidget) -> None:
        translate = context.translate
        super().__init__(
            context,
            translate("dialog.limit.title", name=translate_limit_name(context, limit.name), currency=limit.currency),
            _format_present_value(context, limit),
            parent,
            main_button_text=translate("dialog.limit.act"),
        )
        self._limit = limit
        unit = get_limit_unit(limit.name)
        label_key = "dialog.limit.value" if unit is LimitUnit.AMOUNT else f"dialog.limit.{unit}"
        self.value_field = Field(
            translate(label_key, largest=get_largest_limit(limit.name)),
            is_right_aligned=True,
            currency_symbol=wording.get_currency_symbol(limit.currency) if unit is LimitUnit.AMOUNT else "",
        )
        # Only the input line: the field wraps a message at its own width.
        self.value_field.edit.setFixedWidth(round(_VALUE_WIDTH_PX * current_appearance().scale))
        self.effect_label = TextLabel("", wraps_lines=True)
        if limit.proposed is not None:
            _set_field_text(self.value_field, self._format_value(limit.proposed))
        title = f"{translate_limit_name(context, limit.name)} {limit.currency}"
        self._draft = DialogDraft(
            context,
            self,
            "limit-scope",
            f"{limit.name}.{limit.currency}",
            title,
            lambda: {"value": self.value_field},
        )
        self.show_form(*([self._draft.bar] if self._draft.bar is not None else []))
        self.value_field.edit.textChanged.connect(self.update_submit_button)
        self.update_submit_button()

    def make_state_reader(self) -> ServiceCall[tuple[Limit, ...]]:
        return lambda services: services.refund_limits.list_limits()

    def show_read_state(self, state: tuple[Limit, ...]) -> None:
        """Show this dialog's limit as it is in `state`, all limits as just read: another administrator has meanwhile
        changed its value or its proposal. The typed value stays."""
        key = (self._limit.name, self._limit.currency)
        self._limit = next((limit for limit in state if (limit.name, limit.currency) == key), self._limit)
        self.show_title(self.windowTitle(), _format_present_value(self.context, self._limit))

    def find_first_focus(self) -> QWidget:
        return self.value_field.edit

    def _format_value(self, value: int) -> str:
        return (
            wording.format_amount_digits(value, self._limit.currency)
            if get_limit_unit(self._limit.name) is LimitUnit.AMOUNT
            else str(value)
        )

    def _parse_typed_value(self) -> int | None:
        """Return the typed value in the limit's unit (minor units for an amount); None if the text isn't a valid
        value of this limit."""
        if get_limit_unit(self._limit.name) is not LimitUnit.AMOUNT:
            text = self.value_field.text().strip().replace(",", "")
            largest_value = get_largest_limit(self._limit.name)
            is_number = text.isascii() and text.isdigit() and len(text) <= len(str(largest_value))
            return int(text) if is_number and int(text) <= largest_value else None
        try:
            return parse_typed_money(self.value_field.text(), self._limit.currency).minor
        except InvalidAmountText:
            return None

    def list_inputs(self) -> Sequence[QWidget]:
        return self.value_field, self.effect_label

    @property
    def _is_own_proposal(self) -> bool:
        return is_same_person(self._limit.proposed_by or "", self.context.operator or "")

    def _is_proposed(self, value: int | None) -> bool:
        return value is not None and value == self._limit.proposed

    @Slot()
    def update_submit_button(self) -> None:
        """Enable or disable the main button, and show the effect of sending the typed value: it becomes a proposal,
        or it changes the limit at once."""
        if not self.is_busy:
            is_confirmation = self._is_proposed(self._parse_typed_value()) and not self._is_own_proposal
            translate = self.context.translate
            is_alone = self.context.is_only_person_with_right(self.right_name)
            self.effect_label.show_text(
                translate("dialog.limit.confirms", who=self._limit.proposed_by)
                if is_confirmation
                else translate("dialog.limit.alone" if is_alone else "dialog.limit.second")
            )
            self.main_button.show_text(translate("dialog.limit.confirm" if is_confirmation else "dialog.limit.act"))
        super().update_submit_button()

    def find_form_problem(self) -> str:
        value = self._parse_typed_value()
        if value is None:
            return "dialog.limit.needs_value"
        if value == self._limit.value:
            return "dialog.limit.same"
        return "dialog.limit.own" if self._is_proposed(value) and self._is_own_proposal else ""

    def send_form(self) -> None:
        limit, value = self._limit, self._parse_typed_value()
        if value is None:
            return
        self.send_call(
            lambda services, request_id: services.refund_limits.set_limit(
                limit.name, limit.currency, value, request_id=request_id
            ),
            label=self.context.translate(
                "act.about", title=self._draft.title, message=self.context.translate("act.limit")
            ),
            attempt=("limits set", limit.name, limit.currency, value),
            key=("limit", limit.name, limit.currency),
        )

    def make_answer_toast(self, answer: Limit) -> Toast:
        sentence_key = "cli.limit.set" if answer.proposed is None else "dialog.limit.proposed"
        return Toast(self.context.translate(sentence_key), subject_title=self._draft.title)

    def show_answer(self, answer: Limit) -> None:
        """Delete the draft, because the value is stored, then show the toast and close the dialog."""
        self._draft.delete()
        super().show_answer(answer)


def _format_present_value(context: WindowContext, limit: Limit) -> str:
    """Return the sentence about the present value of the limit."""
    return context.translate("dialog.limit.now", value=format_limit_value(context, limit, limit.value))


def _set_field_text(field: Field, text: str) -> None:
    """Put a text into the input of the field; do nothing if the input has several lines."""
    if isinstance(field.edit, LineEdit):
        field.edit.setText(text)
