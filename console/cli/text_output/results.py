"""What people read in a terminal: aligned lines, one sentence per fact, and what to do next."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from console import wording
from console.cli_json import Exported
from console.cli_json_records import AnyRecord
from console.cli_text_records import GAP, Row, mixed, of_a_kind, one, table
from console.cli_writer import Lines, Voice
from console.domain.records import AuditEntry, CreditCheck, Document
from console.domain.results import (
    HealthCheck,
    LookupResult,
    QueueItem,
    QueuePage,
    RefetchResult,
    ResolveResult,
    TaskRun,
)

if TYPE_CHECKING:
    from console.domain.views import AnyView

__all__ = ["one", "table"]

# ---- one record


def bought(record: CreditCheck, voice: Voice) -> Iterator[str]:
    yield voice("cli.bought", id=record.id)
    yield from one(record, voice)
    if record.incomplete:
        yield voice("cli.bought.incomplete", missing=record.incomplete, id=record.id)


def refetched(result: RefetchResult, voice: Voice) -> Iterator[str]:
    yield voice("cli.refetched" if result.changed else "cli.refetched.same", changed=result.changed)
    yield from one(result.record, voice)
    yield from section("record.tab.documents", documents(result.documents, voice), voice)


def probed(record: AnyRecord, voice: Voice) -> Iterator[str]:
    yield voice("cli.probed")
    yield from one(record, voice)


def resolved(result: ResolveResult, voice: Voice) -> Iterator[str]:
    yield voice("next.second_person" if result.awaiting else "cli.resolved")
    yield from one(result.record, voice)


def view(seen: "AnyView", voice: Voice) -> Lines:
    """One record whole: what it is, why, what next, and how it came about."""
    from console.cli_text_views import shown  # knows the views of every kind: other commands start without

    return shown(seen, voice)


def documents(kept: Iterable[Document], voice: Voice) -> Iterator[str]:
    return table(
        (
            voice(f"record.document.{'current' if item.current else 'older'}"),
            voice("cli.document", path=item.path, size=item.bytes, at=item.fetched_at),
        )
        for item in kept
    )


def section(key: str, lines: Lines, voice: Voice) -> Iterator[str]:
    """A heading and its lines, indented; nothing at all where there are none."""
    there = list(lines)
    if there:
        yield ""
        yield voice(key)
        yield from (f"{GAP}{line}" for line in there)


# ---- lists


def lookup(found: LookupResult, voice: Voice) -> Iterator[str]:
    if found.stripped_prefix:
        yield voice("lookup.prefix_stripped")
    lists: tuple[Sequence[AnyRecord], ...] = (found.credit_checks, found.orders, found.payments, found.refunds)
    if not any(lists):
        yield voice("lookup.none")
        return
    yield voice("lookup.found", count=sum(map(len, lists)))
    for before, records in zip((False, True, True, True), lists, strict=True):
        if before and records:
            yield ""
        yield from of_a_kind(records, voice)


def queue_page(page: QueuePage, voice: Voice) -> Iterator[str]:
    if not page.items:
        yield voice(f"queue.{page.queue}.empty")
        return
    lines = mixed([item.record for item in page.items], voice)
    for line, item in zip(lines, page.items, strict=True):
        yield line
        yield from _explained_below(item, voice)
    if page.next_cursor:
        yield voice("cli.queue.more", queue=page.queue, cursor=page.next_cursor)


def _explained_below(item: QueueItem, voice: Voice) -> Iterator[str]:
    """Under a record's line: why it waits, and what happens next."""
    step = item.explanation.next_step
    yield f"{GAP}{voice(item.explanation.why, **item.explanation.facts)}"
    yield f"{GAP}{voice(step.code, **step.facts)}"


def audit_page(entries: Sequence[AuditEntry], voice: Voice) -> Lines:
    if not entries:
        return (voice("audit_screen.empty"),)
    return table(_audit_row(entry) for entry in entries)


def _audit_row(entry: AuditEntry) -> Row:
    at, reason = wording.format_instant(entry.at), entry.reason or wording.NOTHING
    return (str(entry.id), at, entry.who, entry.what, entry.subject or wording.NOTHING, entry.result, reason)


def verified(rows: int, voice: Voice) -> Lines:
    return (voice("audit_screen.verified", rows=rows),)


def exported(done: Exported, voice: Voice) -> Lines:
    return (voice("audit_screen.exported", rows=done.rows, file=done.file),)


# ---- the desk


def health(checks: Iterable[HealthCheck], voice: Voice) -> Iterator[str]:
    """One line per check, and under what isn't well the next step."""
    for check in checks:
        mark = "✕" if not check.ok else "▲" if check.next else "✓"
        yield f"{mark} {voice(check.message, **check.facts)}"
        if check.next:
            yield f"{GAP}→ {voice(check.next, **check.facts)}"


def upgraded(done: Mapping[str, object], voice: Voice) -> Lines:
    key = "cli.upgraded.same" if done["from"] == done["to"] else "cli.upgraded"
    return (voice(key, before=done["from"], after=done["to"]),)


def tasks(runs: Iterable[TaskRun], voice: Voice) -> Lines:
    return [voice("cli.task", task=run.task, count=run.count) for run in runs]
