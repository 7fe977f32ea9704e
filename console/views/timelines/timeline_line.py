"""The texts and the icon of one event, which one line of a timeline shows."""

from dataclasses import dataclass

from console.views.theme.design_tokens import Tone


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One event of a timeline as texts: the short time in the line (`time_text`), date and time for screen readers
    (`full_time_text`), the icon (name and tone), the person (`actor_text`), the event (`action_text`) and a
    secondary text (`detail`).
    """

    time_text: str
    full_time_text: str
    icon_name: str
    tone: Tone
    actor_text: str
    action_text: str
    detail: str = ""

    def format_spoken_text(self) -> str:
        return ", ".join(
            part
            for part in (self.full_time_text or self.time_text, self.actor_text, self.action_text, self.detail)
            if part
        )
