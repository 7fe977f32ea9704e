"""The table of the acting person's own unfinished work: its columns, and for each row the name of the record that the
row is about and the route to the page of that record."""

from collections.abc import Callable, Mapping

from console.domain.record_kinds import RECORD_KINDS
from console.domain.recovery.left_open import OPERATION_KIND, LeftOpen, LeftOpenReason
from console.views.presenters.drafts import format_draft_title
from console.views.presenters.records import shorten_identifier
from console.views.runtime.context import WindowContext
from console.views.runtime.routes import AlertsRoute, ApprovalsRoute, OperationRoute, Route, make_route_to_record
from console.views.tables.columns import Column, StateCell
from console.views.theme.design_tokens import Tone
from console.wording.sentences import catalogue as wording

_ICON_AND_TONE_BY_LEFT_OPEN_REASON: Mapping[LeftOpenReason, tuple[str, Tone]] = {
    LeftOpenReason.OPERATION: ("half_disc", "progress"),
    LeftOpenReason.REQUEST: ("hourglass", "progress"),
    LeftOpenReason.BULK_RUN: ("half_disc", "progress"),
    LeftOpenReason.TAKEN: ("person", "progress"),
    LeftOpenReason.INCIDENT: ("person", "progress"),
    LeftOpenReason.REFUND: ("half_disc", "progress"),
    LeftOpenReason.PROPOSAL: ("half_disc", "progress"),
    LeftOpenReason.DRAFT: ("clock", "progress"),
}
_UNKNOWN_ICON_AND_TONE: tuple[str, Tone] = ("question", "unknown")


def make_left_open_columns(context: WindowContext, name_record: Callable[[str, str], str]) -> list[Column]:
    """Return the columns of the table with the person's own unfinished work: reason, record, the corporation
    number, the time at which the work began, and the end of a take. `name_record(kind, id)` returns
    the text that names a record, such as its kind and its number."""
    translate = context.translate

    def make_reason_cell(own_item: LeftOpen) -> StateCell:
        icon_name, tone = (
            _UNKNOWN_ICON_AND_TONE
            if own_item.is_outcome_unknown
            else _ICON_AND_TONE_BY_LEFT_OPEN_REASON[own_item.reason]
        )
        return StateCell(translate(own_item.wording_key, action=own_item.action), icon_name, tone)

    def format_number(own_item: LeftOpen) -> str:
        return wording.format_corporation_number(own_item.corporation_number or "")

    def format_since(own_item: LeftOpen) -> str:
        return wording.format_short_instant(own_item.since, context.now())

    def format_until(own_item: LeftOpen) -> str:
        until = own_item.until
        return wording.format_short_instant(until, context.now()) if until is not None else ""

    return [
        Column("why", translate("column.what"), 260, make_reason_cell, "state"),
        Column(
            "record",
            translate("column.record"),
            220,
            lambda item: _format_left_open_subject(item, context, name_record),
            "data",
            is_stretched=True,
        ),
        Column("number", translate("column.number_short"), 128, format_number, "data"),
        Column("since", translate("column.since"), 112, format_since, "data"),
        Column("until", translate("column.until"), 112, format_until, "data"),
    ]


def _format_left_open_subject(
    own_item: LeftOpen, context: WindowContext, name_record: Callable[[str, str], str]
) -> str:
    """Return the text that names the subject of the row: the name of a bulk run, the record of a draft, a corporation
    number in groups of digits, or the kind and number of a record or operation."""
    if own_item.reason is LeftOpenReason.BULK_RUN:
        return own_item.name
    if own_item.reason is LeftOpenReason.DRAFT:
        draft = context.person_values.find_draft(own_item.name)
        return format_draft_title(draft) if draft is not None else own_item.id
    if own_item.kind == "company":
        return wording.format_corporation_number(own_item.id)
    if own_item.kind == OPERATION_KIND:
        return f"{context.translate('kind.operation')} {shorten_identifier(own_item.id)}"
    return name_record(own_item.kind, own_item.id)


def find_left_open_route(own_item: LeftOpen) -> Route | None:
    """Return the route to the page on which the person continues this work; None for a draft, a bulk run, or a
    request that concerns no record."""
    if own_item.reason in (LeftOpenReason.DRAFT, LeftOpenReason.BULK_RUN):
        return None
    if own_item.reason is LeftOpenReason.REFUND:
        return ApprovalsRoute(int(own_item.id))
    if own_item.reason is LeftOpenReason.INCIDENT:
        return AlertsRoute(int(own_item.id))
    if own_item.kind == OPERATION_KIND:
        return OperationRoute(own_item.id)
    return (
        make_route_to_record(own_item.kind, int(own_item.id))
        if own_item.kind in RECORD_KINDS and own_item.id.isdecimal()
        else None
    )
