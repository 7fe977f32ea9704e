"""What people read in a terminal: aligned lines, one sentence per fact, and what to do next."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from console import cli_text_money, wording
from console.cli_json import AnyView, Exported
from console.cli_json_records import AnyRecord
from console.cli_text_records import GAP, Row, mixed, of_a_kind, one, table
from console.cli_writer import Lines, Voice
from console.domain.payment_results import OrderView, PaymentView, RefundView
from console.domain.records import AuditEntry, CreditCheck, Document, EvidenceItem, TimelineEntry
from console.domain.results import (
    CreditCheckView,
    Explanation,
    HealthCheck,
    LookupResult,
    QueueItem,
    QueuePage,
    RefetchResult,
    ResolveResult,
    TaskRun,
)

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
    yield from _section("record.tab.documents", _documents(result.documents, voice), voice)


def probed(record: AnyRecord, voice: Voice) -> Iterator[str]:
    yield voice("cli.probed")
    yield from one(record, voice)


def resolved(result: ResolveResult, voice: Voice) -> Iterator[str]:
    yield voice("next.second_person" if result.awaiting else "cli.resolved")
    yield from one(result.record, voice)


def view(seen: AnyView, voice: Voice) -> Iterator[str]:
    """One record whole: what it is, why, what next, and how it came about."""
    yield from one(seen.record, voice)
    yield ""
    yield from _explained(seen.explanation, voice)
    yield from _own(seen, voice)
    yield from _section("record.tab.timeline", _timeline(seen.timeline, voice), voice)
    yield from _section("record.tab.evidence", _evidence(seen.evidence), voice)


def _own(seen: AnyView, voice: Voice) -> Iterator[str]:
    """What only one kind of record has."""
    match seen:
        case CreditCheckView():
            yield from _section("record.tab.documents", _documents(seen.documents, voice), voice)
        case OrderView():
            yield from _section("cli.payments", of_a_kind(seen.payments, voice), voice)
            yield from _section("cli.refunds", of_a_kind(seen.refunds, voice), voice)
        case PaymentView():
            yield from _section("money.strip", cli_text_money.strip(seen.money, voice), voice)
            yield from _section("cli.sides", cli_text_money.sides(seen.sides, seen.record.provider, voice), voice)
            yield from _section("cli.refunds", of_a_kind(seen.refunds, voice), voice)
        case RefundView():
            yield from _section("money.strip", cli_text_money.strip(seen.money, voice), voice)
            yield from _section("cli.payments", one(seen.payment, voice), voice)
            yield from _section("cli.refund.against", cli_text_money.against(seen.against, voice), voice)


def _explained(explanation: Explanation, voice: Voice) -> Iterator[str]:
    step = explanation.next_step
    yield voice(explanation.verdict, **explanation.facts)
    yield voice(explanation.why, **explanation.facts)
    yield voice(step.code, **step.facts)
    if step.command:
        yield voice("cli.run", command=step.command)


def _documents(kept: Iterable[Document], voice: Voice) -> Iterator[str]:
    return table(
        (
            voice(f"record.document.{'current' if item.current else 'older'}"),
            voice("cli.document", path=item.path, size=item.bytes, at=item.fetched_at),
        )
        for item in kept
    )


def _timeline(entries: Iterable[TimelineEntry], voice: Voice) -> Iterator[str]:
    return table((wording.format_instant(entry.at), entry.who, voice.timeline(entry)) for entry in entries)


def _evidence(items: Iterable[EvidenceItem]) -> Iterator[str]:
    return table((wording.format_instant(item.at), item.who, item.source, item.summary) for item in items)


def _section(key: str, lines: Lines, voice: Voice) -> Iterator[str]:
    """A heading and its lines, indented; nothing at all where there are none."""
    shown = list(lines)
    if shown:
        yield ""
        yield voice(key)
        yield from (f"{GAP}{line}" for line in shown)


# ---- lists


def lookup(found: LookupResult, voice: Voice) -> Iterator[str]:
    if found.stripped_prefix:
        yield voice("lookup.prefix_stripped")
    lists = (found.credit_checks, found.orders, found.payments, found.refunds)
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
