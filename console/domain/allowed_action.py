"""An action on a record, with the permission or the refusal for the acting person."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AllowedAction:
    """An action on a record. `action` is its name, such as `probe`. `allowed` is True if the acting person may do the
    action now; otherwise `reason` is the wording key of the reason, and `facts` are the values in its sentence."""

    action: str
    allowed: bool
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
