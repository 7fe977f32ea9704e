"""Tests of links: a link is read only if its text is exactly in the program's form, and a written link can be read
again."""

import pytest

from console.domain.links.link import LINKED_SCREENS, Link, format_link, parse_link
from console.domain.queue_names import QUEUE_NAMES
from console.domain.record_kinds import RECORD_KINDS

VALID_LINKS = (
    *(Link("record", "17", kind) for kind in RECORD_KINDS),
    Link("operation", "0197a0b2-1c3d-7e4f-8a9b-0c1d2e3f4a5b"),
    Link("corporation", "1180301018771"),
    *(Link("queue", name) for name in QUEUE_NAMES),
    Link("incident", "999999999999999999"),
    Link("view", "12"),
    *(Link("screen", name) for name in LINKED_SCREENS),
)
HOSTILE_TEXTS = (
    "", "support-console:", "support-console:record", "support-console:record/payment", "record/payment/5",
    "support-console:record/payment/0", "support-console:record/payment/05", "support-console:record/payment/-5",
    "support-console:record/payment/5/", "support-console:record/payment/5?act=refund",
    "support-console:record/payment/5#x", "support-console:record/payment/5 ", " support-console:record/payment/5",
    "support-console:record/payment/5\n", "support-console:record/payment/5\0", "support-console:record/payment/%35",
    "support-console://record/payment/5", "SUPPORT-CONSOLE:record/payment/5", "support-console:Record/payment/5",
    "support-console:record/payment/５", "support-console:record/payment/" + "9" * 19,
    "support-console:record/../payment/5", "support-console:record/person/5", "support-console:record//5",
    "support-console:corporation/118030101877", "support-console:corporation/0180301018771",
    "support-console:queue/all", "support-console:queue/", "support-console:screen/admin;rm -rf",
    "support-console:view/mine", "support-console:view/0",
    "support-console:refund/approve/5", "support-console:purchase/1180301018771", "support-console:screen/lookup/x",
    "support-console:operation/0197a0b2-1c3d-7e4f-8a9b-0c1d2e3f4a5B", "https://example.com/support-console:screen/home",
    "file:///etc/passwd", "javascript:alert(1)", "support-console:screen/home" + "x" * 200,
)  # fmt: skip


@pytest.mark.parametrize("link", VALID_LINKS, ids=format_link)
def test_a_written_link_is_read_back(link: Link) -> None:
    """A link that was written as a text is read back as the same link."""
    assert parse_link(format_link(link)) == link


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_text_that_is_not_exactly_a_link_is_not_parsed(text: str) -> None:
    """Any text that isn't exactly in the program's form gives None. No part of it is decoded, trimmed or completed,
    and a link can only show a page."""
    assert parse_link(text) is None
