"""The form of a decision about a purchase: bought, with the provider's number, or not bought, by two people."""

from PySide6.QtWidgets import QWidget

from console.domain.records import CheckState
from console.views.dialogs.evidence_steps import FILE, NUMBER, TEXT, EvidenceSteps
from console.views.seat import Seat
from console.views.widgets.base import Words
from console.views.widgets.inputs import Field, RadioButton


class ResolveForm(EvidenceSteps):
    """Without the provider's number nothing is bought; with it nothing is not bought."""

    def __init__(self, seat: Seat, proposer: str | None) -> None:
        say = seat.say
        kinds = {
            NUMBER: RadioButton(say("dialog.resolve.by_number")),
            FILE: RadioButton(say("dialog.resolve.by_file")),
            TEXT: RadioButton(say("dialog.resolve.by_text")),
        }
        bought, unbought = RadioButton(say("dialog.resolve.as_success")), RadioButton(say("dialog.resolve.as_error"))
        number, outcomes = Field(say("field.provider_id"), role="data"), {"success": bought, "error": unbought}
        super().__init__(seat, proposer, number, kinds, outcomes)
        self.bought, self.unbought = bought, unbought
        self._look()

    def _under_number(self) -> tuple[QWidget, ...]:
        return (Words(self._seat.say("dialog.resolve.by_number_hint"), "small", "muted", wrap=True),)

    @property
    def provider_id(self) -> int | None:
        digits = self.number.text().strip()
        return int(digits) if self.kind == NUMBER and digits.isascii() and digits.isdecimal() else None

    def _statement(self) -> str:
        return self._seat.say("dialog.resolve.number_statement", number=self.number.text().strip())

    def _has_evidence(self) -> bool:
        return bool(self.provider_id) if self.kind == NUMBER else super()._has_evidence()

    def _why_not_outcome(self, name: str) -> str:
        by_number = self.kind == NUMBER
        if name == "success":
            return "" if by_number else self._seat.say("dialog.resolve.needs_number")
        return self._seat.say("dialog.resolve.number_proves") if by_number else self._why_not_second()

    def _show_effect(self) -> None:
        say, outcome = self._seat.say, self.outcome
        before = say("state.credit_check.pending")
        after = say(f"state.credit_check.{outcome or CheckState.PENDING}")
        effects = {"success": "dialog.resolve.effect_success", "error": "dialog.resolve.effect_error"}
        key = effects.get(outcome)
        self.effect.say(say(key, before=before, after=after) if key else say("dialog.resolve.no_effect"))
        self.second.say(self._people())

    def _people(self) -> str:
        """Who else is needed, by name."""
        say, seat = self._seat.say, self._seat
        if self.outcome != "error":
            return say("dialog.resolve.one_person") if self.outcome else ""
        if self._proposer is not None and self._proposer != seat.operator:
            return say("dialog.resolve.you_are_second", person=self._proposer)
        return say("dialog.resolve.second_person", people=seat.others_who("resolve_second"))
