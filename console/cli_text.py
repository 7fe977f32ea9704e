"""What people read in a terminal: aligned lines, one sentence per fact, and what to do next."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from console import wording
from console.cli_json import Exported
from console.cli_writer import Lines, Voice
from console.domain.records import AuditEntry, CreditCheck, Document, EvidenceItem, Operation, TimelineEntry
from console.domain.results import (
    CreditCheckView,
    Explanation,
    HealthCheck,
    LookupResult,
    OperationView,
    QueueItem,
    QueuePage,
    RefetchResult,
    ResolveResult,
    TaskRun,
)

Row = Sequence[str]
_GAP = "  "


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Columns side by side, a row in a line; a Japanese character takes two places."""
    cells = [[cell.replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
        yield _GAP.join(padded).rstrip()


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


# ---- one record


def record_line(record: CreditCheck, voice: Voice) -> Row:
    """A record as a row of a list; `heading` names its columns."""
    return (
        f"#{record.id}",
        wording.format_number(record.corporation_number),
        record.client_id,
        voice(f"state.credit_check.{'superseded' if record.superseded else record.state.value}"),
        voice(f"state.certainty.{record.certainty.value}"),
        voice(f"state.work.{record.work.state.value}"),
        record.result or wording.NOTHING,
        wording.format_instant(record.purchased_at, "day"),
        record.company_name or wording.NOTHING,
    )


def heading(voice: Voice) -> Row:
    columns = ("record", "number", "client", "state", "certainty", "work", "result", "day", "corporation")
    return tuple(voice(f"column.{column}") for column in columns)


def _one(record: CreditCheck | Operation, voice: Voice) -> Lines:
    if isinstance(record, CreditCheck):
        return table((heading(voice), record_line(record, voice)))
    action, state = voice(f"operation.{record.action}"), voice(f"state.operation.{record.state.value}")
    return table([(record.id, action, state, record.operator, wording.format_instant(record.started_at))])


def bought(record: CreditCheck, voice: Voice) -> Iterator[str]:
    yield voice("cli.bought", id=record.id)
    yield from _one(record, voice)
    if record.incomplete:
        yield voice("cli.bought.incomplete", missing=record.incomplete, id=record.id)


def refetched(result: RefetchResult, voice: Voice) -> Iterator[str]:
    yield voice("cli.refetched" if result.changed else "cli.refetched.same", changed=result.changed)
    yield from _one(result.record, voice)
    yield from _section("record.tab.documents", _documents(result.documents, voice), voice)


def probed(record: CreditCheck | Operation, voice: Voice) -> Iterator[str]:
    yield voice("cli.probed")
    yield from _one(record, voice)


def resolved(result: ResolveResult, voice: Voice) -> Iterator[str]:
    yield voice("next.second_person" if result.awaiting else "cli.resolved")
    yield from _one(result.record, voice)


def view(seen: CreditCheckView | OperationView, voice: Voice) -> Iterator[str]:
    """One record whole: what it is, why, what next, and how it came about."""
    yield from _one(seen.record, voice)
    yield ""
    yield from _explained(seen.explanation, voice)
    if isinstance(seen, CreditCheckView):
        yield from _section("record.tab.documents", _documents(seen.documents, voice), voice)
    yield from _section("record.tab.timeline", _timeline(seen.timeline, voice), voice)
    yield from _section("record.tab.evidence", _evidence(seen.evidence), voice)


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
        yield from (f"{_GAP}{line}" for line in shown)


# ---- lists


def lookup(found: LookupResult, voice: Voice) -> Iterator[str]:
    if found.stripped_prefix:
        yield voice("lookup.prefix_stripped")
    if not found.credit_checks:
        yield voice("lookup.none")
        return
    yield voice("lookup.found", count=len(found.credit_checks))
    yield from table((heading(voice), *(record_line(check, voice) for check in found.credit_checks)))


def queue_page(page: QueuePage, voice: Voice) -> Iterator[str]:
    if not page.items:
        yield voice(f"queue.{page.queue}.empty")
        return
    lines = table(record_line(item.record, voice) for item in page.items)
    for line, item in zip(lines, page.items, strict=True):
        yield line
        yield from _explained_below(item, voice)
    if page.next_cursor:
        yield voice("cli.queue.more", queue=page.queue, cursor=page.next_cursor)


def _explained_below(item: QueueItem, voice: Voice) -> Iterator[str]:
    """Under a record's line: why it waits, and what happens next."""
    step = item.explanation.next_step
    yield f"{_GAP}{voice(item.explanation.why, **item.explanation.facts)}"
    yield f"{_GAP}{voice(step.code, **step.facts)}"


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
            yield f"{_GAP}→ {voice(check.next, **check.facts)}"


def upgraded(done: Mapping[str, object], voice: Voice) -> Lines:
    key = "cli.upgraded.same" if done["from"] == done["to"] else "cli.upgraded"
    return (voice(key, before=done["from"], after=done["to"]),)


def tasks(runs: Iterable[TaskRun], voice: Voice) -> Lines:
    return [voice("cli.task", task=run.task, count=run.count) for run in runs]
