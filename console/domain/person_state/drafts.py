"""Drafts: inputs that a person has typed into a dialog and not sent. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from console.domain.person_state.retention import DRAFT_PREFIX, DRAFT_RETENTION

SELECTION_SUBJECT = "selection"
"""The subject of a draft about the selected records of a list."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The unfinished inputs of a dialog. `kind` names the dialog and the kind of its subject, such as
    `resolve-payment`; for a purchase it is only `purchase`. `subject` is the id of the record that the dialog is
    about, a corporation number, or a fixed word such as `days`; `title` names the subject in words. `at` is the time
    of the last change. `stage` is the page of the dialog, "form" or "review". `inputs` are the values of the dialog's
    inputs by name.
    """

    kind: str
    subject: str
    title: str
    stage: str
    inputs: Mapping[str, Any]
    at: datetime

    @property
    def name(self) -> str:
        """The name under which the draft is stored (see `make_draft_name`)."""
        return make_draft_name(self.kind, self.subject)

    @property
    def record_kind(self) -> str:
        """The kind of the record that the draft is about; "" for a purchase, which has no record yet."""
        if self.kind == "purchase":
            return ""
        dialog, _, kind = self.kind.partition("-")
        return {"refund": "payment", "reject": "refund"}.get(dialog, kind)


def make_draft_name(kind: str, subject: str) -> str:
    """Return the name under which a person's draft is stored. `kind` and `subject` have the meaning of the fields of
    Draft."""
    return f"{DRAFT_PREFIX}{kind}.{subject}"


def parse_draft(stored_draft: Any, now: datetime) -> Draft | None:
    """Return the draft in a stored value. Return None if there is no value, if the draft is older than
    DRAFT_RETENTION, or if this program can't read it."""
    try:
        draft_value = stored_draft["value"]
        texts = [str(draft_value[key]) for key in ("kind", "subject", "title", "stage")]
        draft = Draft(
            texts[0],
            texts[1],
            texts[2],
            texts[3],
            dict(draft_value["inputs"]),
            datetime.fromisoformat(stored_draft["at"]),
        )
        return draft if now - draft.at <= DRAFT_RETENTION else None
    except (KeyError, TypeError, ValueError):
        return None


def list_drafts(entries: Mapping[str, Any], now: datetime) -> tuple[Draft, ...]:
    """Return the readable drafts among the values that are stored for a person, oldest first. `entries` has the
    values by name."""
    drafts = (parse_draft(entry, now) for name, entry in entries.items() if name.startswith(DRAFT_PREFIX))
    return tuple(sorted((draft for draft in drafts if draft is not None), key=lambda draft: draft.at))
