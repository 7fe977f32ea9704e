"""Invented credit checks as values, for tests of pages and texts without a database."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from console.domain.clock import SystemClock
from console.domain.explanations.credit_checks import explain_credit_check
from console.domain.records import Certainty, CheckState, CreditCheck, Work
from console.domain.views.any_record import QueueItem, QueuePage
from console.views.runtime.context import WindowContext
from tests.support.inline_runner import InlineRunner

NOW = datetime(2026, 11, 20, 6, 4, 5, tzinfo=UTC)


class SignInWithoutAccounts:
    """The sign-in service of a desk with SQLite, which has no accounts."""

    is_server = False
    place = ""

    def known_user(self) -> str | None:
        return None

    def can_keep(self) -> bool:
        return False

    def take(self, user: str, password: str) -> None:
        raise AssertionError("there are no accounts")


class WindowSettings:
    """The settings that a window reads."""

    home = Path("/nowhere")
    language: Literal["ja", "en"] = "en"
    operator: str | None = "op-a"
    environment: Literal["production", "test", "training"] = "test"
    idle_lock_seconds = 600
    contact_name: str | None = None
    contact_telephone: str | None = None
    clients: frozenset[str] | None = frozenset({"1", "2", "42"})
    sign_in = SignInWithoutAccounts()


class StillClock(SystemClock):
    """A clock that always returns 15:04:05 in Japan."""

    def now(self) -> datetime:
        return NOW


def make_window_context() -> WindowContext:
    return WindowContext(WindowSettings(), InlineRunner(), StillClock())  # type: ignore[arg-type]  # enough of them


def make_check(id: int = 17, **other: Any) -> CreditCheck:
    """Return a bought, complete credit check, with the given fields changed."""
    record = CreditCheck(
        id, "2010401907731", "42", CheckState.SUCCESS, Certainty.KNOWN, Work(), 12345, "架空みなと印刷株式会社",
        "hold", NOW, NOW, "ab/cd.pdf", (), None, None, 3, NOW, NOW,
    )  # fmt: skip
    return replace(record, **other)


def make_queue_item(record: CreditCheck) -> QueueItem:
    return QueueItem(record, explain_credit_check(record, NOW), record.state_since)


class QueueServices:
    """Services that have one queue with these credit checks. `reads` counts the pages of it that were read."""

    def __init__(self, records: list[CreditCheck]) -> None:
        self._items = [make_queue_item(record) for record in records]
        self.reads = 0

    @property
    def recovery(self) -> "QueueServices":
        return self

    def read_queue(self, name: str, limit: int = 50, after: str | None = None) -> QueuePage:
        self.reads += 1
        begin = int(after or 0)
        end = begin + limit
        return QueuePage(name, tuple(self._items[begin:end]), str(end) if end < len(self._items) else None)
