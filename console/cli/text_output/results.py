"""Functions that build the answers of commands as text: aligned lines and sentences."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from console.cli.json_output.records import RECORD_KIND_BY_TYPE, AnyRecord
from console.cli.text_output.records import (
    COLUMN_GAP,
    format_aligned_lines,
    format_document_table,
    format_explained_record,
    format_records_of_any_kind,
    format_records_of_one_kind,
    format_section_lines,
)
from console.cli.text_output.translator import Lines, Translator
from console.domain.records import CreditCheck
from console.wording.sentences import catalogue as wording
from console.wording.sentences.explanations import format_reason

if TYPE_CHECKING:
    from console.domain.lookup.lookup_result import LookupResult
    from console.domain.registry.facts import CorporationFacts
    from console.domain.service_results import DueTasksResult, HealthCheck, RefetchResult
    from console.domain.views.any_record import AnyRecordDetails, QueueItem, QueuePage, ResolveResult
    from console.domain.views.changed_companies import ChangedCompanyItem, ChangedCompanyPage
    from console.domain.views.unmatched_notices import UnmatchedNoticeItem, UnmatchedNoticePage
    from console.wording.records import ShownRecord

    AnyQueuePage = QueuePage | ChangedCompanyPage | UnmatchedNoticePage
    AnyQueueItem = QueueItem | ChangedCompanyItem | UnmatchedNoticeItem

__all__ = ["format_aligned_lines", "format_explained_record"]

# -- one record


def format_purchase_lines(record: CreditCheck, translator: Translator) -> Iterator[str]:
    """Yield the answer of the command `purchase` as text; if parts of the credit check are missing, also a
    sentence that names them.
    """
    yield translator("cli.bought", id=record.id)
    yield from format_explained_record(record, translator)
    if record.incomplete:
        yield translator("cli.bought.incomplete", missing=record.incomplete, id=record.id)


def format_refetch_lines(result: "RefetchResult", translator: Translator) -> Iterator[str]:
    """Yield the answer of the command `refetch` as text: the changed fields, the credit check and its PDFs."""
    yield translator(
        "cli.refetched" if result.changed_fields else "cli.refetched.same", changed=result.changed_fields
    )
    yield from format_explained_record(result.record, translator)
    yield from format_section_lines(
        "record.tab.documents", format_document_table(result.documents, translator), translator
    )


def format_probe_lines(
    record: AnyRecord, record_before: "ShownRecord | None", translator: Translator
) -> Iterator[str]:
    """Yield the answer of the command `probe` as text: the changes that the probe made, or that it changed nothing,
    and the record after the probe. `record_before` is the record before the probe; None if it isn't known."""
    is_provider_asked = True
    if record_before is not None and type(record) is type(record_before):
        from console.wording import records as record_words

        changes = record_words.list_probed_changes(record_before, record, translator.language)
        unchanged_key = record_words.get_unchanged_probe_key(record_before)
        is_provider_asked = unchanged_key == "record.no_change"
        yield (
            translator("record.changed", changes=changes)
            if changes
            else translator.format_unchanged_sentence(unchanged_key)
        )
    if is_provider_asked:
        yield translator("cli.probed")
    yield from format_explained_record(record, translator)


def format_resolution_lines(result: "ResolveResult", translator: Translator) -> Iterator[str]:
    """Yield the answer of the command `resolve` as text: the record, and a sentence if a second person must still
    agree.
    """
    yield translator("next.second_person" if result.awaiting else "cli.resolved")
    yield from format_explained_record(result.record, translator)


def format_refused_record_lines(record: object, translator: Translator) -> Lines:
    """Return the record in the detail of an error as text, with its explanation. Return no lines if the related
    records of this record were not read: the sentence of the error then already contains all known facts.
    """
    if type(record) not in RECORD_KIND_BY_TYPE or getattr(record, "relations", None) is None:
        return ()
    return ("", *format_explained_record(cast("AnyRecord", record), translator))


def format_record_details_lines(record_details: "AnyRecordDetails", translator: Translator) -> Lines:
    """Return the answer of the command `show` as text: the lines of `record_details.format_details_lines`. The module
    `record_details` is imported by this call only, because it imports the views of all kinds."""
    # imported here, because it imports the views of all kinds, and other commands start faster without them
    from console.cli.text_output.record_details import format_details_lines

    return format_details_lines(record_details, translator)


# -- lists


def format_lookup_lines(result: "LookupResult", translator: Translator) -> Iterator[str]:
    """Yield the answer of the command `lookup` as text: the records of a corporation number."""
    if result.had_prefix:
        yield translator("lookup.prefix_stripped")
    record_lists: tuple[Sequence[AnyRecord], ...] = (
        result.credit_checks,
        result.orders,
        result.payments,
        result.refunds,
    )
    if any(record_lists):
        yield translator("lookup.found", count=sum(map(len, record_lists)))
        for needs_gap, records in zip((False, True, True, True), record_lists, strict=True):
            if needs_gap and records:
                yield ""
            yield from format_records_of_one_kind(records, translator)
        yield from _format_company_totals_lines(result, translator)
    else:
        is_registered = result.corporation is not None and result.corporation.corporation is not None
        yield translator("corporation.no_records" if is_registered else "lookup.none")
    yield from format_corporation_section(result.corporation, result.credit_checks, translator)


def _format_company_totals_lines(result: "LookupResult", translator: Translator) -> Iterator[str]:
    """Yield the amounts of a company's payments of the last twelve months, one line per currency; nothing without
    payments.
    """
    if result.totals:
        from console.wording.company import format_company_totals

        yield ""
        yield from (format_company_totals(totals, translator.language) for totals in result.totals)


def format_corporation_section(
    facts: "CorporationFacts | None", records: Iterable[AnyRecord], translator: Translator
) -> Lines:
    """Return the registry data of a corporation number, and the company names in `records` that differ from the
    official one. If this desk has no registry (`facts` is None), return one line instead, which describes the data
    that a registry would add."""
    if facts is None:
        return ("", translator("corporation.absent"))
    # imported here, because commands on a desk without a registry start faster without it
    from console.cli.text_output.registry import format_corporation_facts_section

    return format_corporation_facts_section(facts, records, translator)


def format_queue_page_lines(page: "AnyQueuePage", translator: Translator) -> Iterator[str]:
    """Yield the answer of the command `queue` as text: each record, changed corporation or notice, with the reason
    for which it waits and its next step.
    """
    from console.domain.views.any_record import QueuePage

    if not page.items and page.next_cursor is None:
        has_filter = isinstance(page, QueuePage) and page.filter != ""
        yield format_empty_queue_sentence(page.queue, translator, has_filter=has_filter)
        return
    items: Sequence[AnyQueueItem] = page.items
    for line, item in zip(_format_queue_item_lines(page, translator), items, strict=True):
        yield line
        yield from _format_lines_below_queue_item(item, translator)
    yield from _format_registry_source_lines(page, translator)
    if page.next_cursor:
        yield translator(
            "cli.queue.more", queue=f"{page.queue}{_format_next_page_options(page)}", cursor=page.next_cursor
        )


def format_empty_queue_sentence(queue: str, translator: Translator, *, has_filter: bool) -> str:
    """Return the sentence about a page of the queue with the code `queue` that has no records. With `has_filter` the
    sentence only says that no record matches the filter, because the queue may have other records."""
    return translator("queue.filter_empty" if has_filter else f"queue.{queue}.empty")


def _format_next_page_options(page: "AnyQueuePage") -> str:
    """Return the options `--filter` and `--sort` of this page as text, so that the command for the next page has
    the same filter and sort order. Return "" if the page has neither."""
    from console.domain.views.any_record import QueuePage

    choice = {"filter": page.filter, "sort": page.sort} if isinstance(page, QueuePage) else {}
    return "".join(f" --{name}={shlex.quote(text)}" for name, text in choice.items() if text)


def _format_queue_item_lines(page: "AnyQueuePage", translator: Translator) -> Lines:
    from console.domain.views.any_record import QueuePage
    from console.domain.views.unmatched_notices import UnmatchedNoticePage

    if isinstance(page, QueuePage):
        return format_records_of_any_kind([item.record for item in page.items], translator)
    if isinstance(page, UnmatchedNoticePage):
        from console.cli.text_output.notices import format_notice_lines

        return format_notice_lines(page.items, translator)
    changes = (item.change for item in page.items)
    return format_aligned_lines(
        (
            wording.format_corporation_number(change.corporation_number),
            change.after.name or translator("corporation.name_is_image"),
        )
        for change in changes
    )


def _format_registry_source_lines(page: "AnyQueuePage", translator: Translator) -> Lines:
    """Return a line that names the source of the official names or of the changes of corporations on the page; no
    line if the page contains neither.
    """
    from console.domain.views.any_record import QueuePage
    from console.domain.views.changed_companies import ChangedCompanyPage

    if isinstance(page, QueuePage):
        entries = (item.record.registry_entry for item in page.items)
        days = [entry.registry_date for entry in entries if entry is not None]
    else:
        days = [item.change.registry_date for item in page.items] if isinstance(page, ChangedCompanyPage) else []
    if not days:
        return ()
    from console.wording.registry import format_registry_source

    return (format_registry_source(max(days), translator),)


def _format_lines_below_queue_item(item: "AnyQueueItem", translator: Translator) -> Iterator[str]:
    """Yield the lines below an item of a queue: its details, the reason for which it waits, its next step, and the
    commands of its possible actions.
    """
    step = item.explanation.next_step
    yield from _format_age_and_owner_lines(item, translator)
    yield from (f"{COLUMN_GAP}{line}" for line in _format_queue_item_detail_lines(item, translator) if line)
    yield f"{COLUMN_GAP}{format_reason(item.explanation, translator)}"
    yield f"{COLUMN_GAP}{translator(step.code, **step.facts)}"
    yield from _format_company_action_lines(item, translator)


def _format_age_and_owner_lines(item: "AnyQueueItem", translator: Translator) -> Iterator[str]:
    """Yield a line with the time since which a record has its present state, and a line with the person who has taken
    the record. Yield nothing for a changed corporation or a notice."""
    from console.domain.views.any_record import QueueItem

    if isinstance(item, QueueItem):
        if item.since is None:
            yield f"{COLUMN_GAP}{translator('cli.queue.since_unknown')}"
        else:
            age = translator.compute_age(item.since)
            yield f"{COLUMN_GAP}{translator('cli.queue.since', at=item.since, age=age)}"
        if item.owner is not None:
            yield f"{COLUMN_GAP}{translator('cli.queue.taken', who=item.owner)}"


def _format_company_action_lines(item: "AnyQueueItem", translator: Translator) -> Iterator[str]:
    """Yield, for a changed corporation, the command of each action that is possible now."""
    from console.domain.views.changed_companies import ChangedCompanyItem

    if isinstance(item, ChangedCompanyItem):
        for action in item.actions:
            if action.allowed:
                yield f"{COLUMN_GAP}{translator(f'cli.queue.action.{action.action}', command=action.command)}"


# -- database and worker


def format_health_check_lines(checks: "Iterable[HealthCheck]", translator: Translator) -> Iterator[str]:
    """Yield the answer of the commands `doctor` and `db check` as text: one line per check, and below a check that
    has failed or gives advice, its next step.
    """
    for check in checks:
        mark = "✕" if not check.ok else "▲" if check.next else "✓"
        yield f"{mark} {translator(check.message, **check.facts)}"
        if check.next:
            yield f"{COLUMN_GAP}→ {translator(check.next, **check.facts)}"


def format_upgrade_lines(revisions: Mapping[str, object], translator: Translator) -> Lines:
    """Return the answer of the command `db upgrade` as text. `revisions` has the schema versions `from` and `to`, and
    the value `completed`, which is True if the schema already had the version `to` but was incomplete.
    """
    same_key = "cli.upgraded.completed" if revisions.get("completed") else "cli.upgraded.same"
    key = same_key if revisions["from"] == revisions["to"] else "cli.upgraded"
    return (translator(key, before=revisions["from"], after=revisions["to"]),)


def format_due_tasks_lines(tasks_result: "DueTasksResult", translator: Translator) -> Lines:
    """Return the answer of the command `worker --once` as text: one line per due task that ran, and one about the
    tasks that did not begin because a signal ended the command.
    """
    lines = [translator("cli.task", task=run.task, count=run.count) for run in tasks_result.runs]
    unstarted_count = len(tasks_result.unstarted_task_names)
    return [*lines, translator("cli.tasks.stopped", n=len(lines), left=unstarted_count)] if unstarted_count else lines


def _format_queue_item_detail_lines(item: "AnyQueueItem", translator: Translator) -> Iterator[str]:
    """Yield the details of an item of a queue: the different states of our record, the provider and the order; for
    a notice, the records that it may belong to; nothing for other items.
    """
    from console.domain.views.any_record import QueueItem
    from console.domain.views.unmatched_notices import UnmatchedNoticeItem

    if isinstance(item, QueueItem) and item.mismatch is not None:
        from console.wording.mismatches import format_mismatch

        yield format_mismatch(item.record, item.mismatch, translator.language)
    elif isinstance(item, UnmatchedNoticeItem):
        from console.cli.text_output.notices import format_candidate_lines

        yield from format_candidate_lines(item, translator)
