"""Parse and write links of the form `support-console:record/payment/5`. No I/O.

A link may come from a mail, a ticket or another program. So it is parsed strictly and never starts an action: it
only names a record or screen, which the window shows with the rights of the person who opens the link.
"""

import re
from dataclasses import dataclass
from typing import Literal

from console.domain.queue_names import QUEUE_NAMES
from console.domain.record_kinds import RECORD_KINDS

LINK_SCHEME = "support-console"
LONGEST_LINK_CHARACTERS = 120
LINKED_SCREENS = (
    "home", "lookup", "queues", "approvals", "alerts", "reconcile", "audit", "reports", "set-asides", "admin",
)  # fmt: skip
_TARGET_PATTERN_BY_KIND = {
    "record": re.compile(rf"({'|'.join(RECORD_KINDS)})/([1-9][0-9]{{0,17}})"),
    "operation": re.compile(r"()([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"),
    "corporation": re.compile(r"()([1-9][0-9]{12})"),
    "queue": re.compile(rf"()({'|'.join(QUEUE_NAMES)})"),
    "incident": re.compile(r"()([1-9][0-9]{0,17})"),
    "view": re.compile(r"()([1-9][0-9]{0,17})"),
    "screen": re.compile(rf"()({'|'.join(LINKED_SCREENS)})"),
}

LinkTargetKind = Literal["record", "operation", "corporation", "queue", "incident", "view", "screen"]


@dataclass(frozen=True, slots=True)
class Link:
    """The target that a link names: `target_kind` is its kind (record, operation, corporation, queue, incident,
    view or screen), `value` its id, corporation number or name. `record_kind` is the kind of a record, such as
    "payment"; "" for every other target.
    """

    target_kind: LinkTargetKind
    value: str
    record_kind: str = ""


def parse_link(text: str) -> Link | None:
    """Parse the text of a link; return None for any other text. Nothing is decoded, trimmed or completed, because two
    programs could then read one text as two different links.
    """
    if len(text) > LONGEST_LINK_CHARACTERS or not text.isascii():
        return None
    scheme, _, target_text = text.partition(":")
    target_kind, _, path = target_text.partition("/")
    pattern = _TARGET_PATTERN_BY_KIND.get(target_kind)
    match = pattern.fullmatch(path) if pattern is not None and scheme == LINK_SCHEME else None
    return None if match is None else Link(target_kind, match[2], match[1])  # type: ignore[arg-type]  # a key of _TARGET_PATTERN_BY_KIND


def format_link(link: Link) -> str:
    """Return the text of a link, which `parse_link` reads."""
    return f"{LINK_SCHEME}:{link.target_kind}/{link.record_kind}{'/' if link.record_kind else ''}{link.value}"
