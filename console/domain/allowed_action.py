"""An action on a record, and whether the acting person may do it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AllowedAction:
    """An action on a record. `allowed`: the acting person may do the action now. If not, `reason` is the wording
    code of the reason, with `facts`."""

    action: str
    allowed: bool
    reason: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)
