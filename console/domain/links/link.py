"""Links of the form `support-console:record/payment/5`: what they may say, and how they are written. No I/O.

A link is data from anywhere: a mail, a ticket, another program. It is read strictly, it only names something to be
shown, and it opens with the rights of the person who opens it.
"""

import re
from dataclasses import dataclass
from typing import Literal

SCHEME = "support-console"
LONGEST_LINK_CHARACTERS = 120
RECORD_KINDS = ("credit-check", "payment", "order", "refund")
QUEUE_NAMES = ("pending", "error", "incomplete", "unknown", "review", "refunds", "companies")
SCREENS = ("home", "lookup", "queues", "approvals", "alerts", "reconcile", "audit", "reports", "set-asides")
_PATTERNS = {
    "record": re.compile(rf"({'|'.join(RECORD_KINDS)})/([1-9][0-9]{{0,17}})"),
    "operation": re.compile(r"()([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"),
    "corporation": re.compile(r"()([1-9][0-9]{12})"),
    "queue": re.compile(rf"()({'|'.join(QUEUE_NAMES)})"),
    "incident": re.compile(r"()([1-9][0-9]{0,17})"),
    "screen": re.compile(rf"()({'|'.join(SCREENS)})"),
}

Place = Literal["record", "operation", "corporation", "queue", "incident", "screen"]


@dataclass(frozen=True, slots=True)
class Link:
    """What a link names: a record of `kind` with the id `value`, an operation, a corporation number, a queue, an
    incident or a screen. `kind` is empty for all but records.
    """

    place: Place
    value: str
    kind: str = ""


def parse_link(text: str) -> Link | None:
    """Return what the text names; None for every text that isn't exactly such a link. Nothing is decoded, trimmed or
    completed, because two programs could then read one text in two ways.
    """
    if len(text) > LONGEST_LINK_CHARACTERS or not text.isascii():
        return None
    scheme, _, rest = text.partition(":")
    place, _, path = rest.partition("/")
    pattern = _PATTERNS.get(place)
    match = pattern.fullmatch(path) if pattern is not None and scheme == SCHEME else None
    return None if match is None else Link(place, match[2], match[1])  # type: ignore[arg-type]  # a key of _PATTERNS


def link_text(link: Link) -> str:
    """Return the text of a link, which `parse_link` reads."""
    return f"{SCHEME}:{link.place}/{link.kind}{'/' if link.kind else ''}{link.value}"
