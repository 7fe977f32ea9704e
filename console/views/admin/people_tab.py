"""The tab with the people of the administration page: its columns, and the reason why the acting person
can't disable or enable a person."""

from console.domain.access.disabled_people import PersonAccess
from console.domain.access.permissions import WORKER, is_same_person
from console.views.runtime.context import WindowContext
from console.views.tables.columns import Column, StateCell
from console.wording.people_words import format_person_state
from console.wording.sentences.formats import capitalize_first_letter


def find_access_change_refusal(context: WindowContext, access: PersonAccess) -> str:
    """Return the sentence with the reason why the acting person can't disable the person of `access` or, if this
    person is disabled, can't request to enable them. The reasons are:

    - the person is enabled, and is the acting person or a worker
    - the file of accounts has disabled the person
    - the acting person has already requested to enable the person
    - no second administrator exists who could confirm the request

    Return "" if none of these reasons holds.
    """
    if access.disabling is None and is_same_person(access.person.name, context.operator or ""):
        return context.translate("admin.person.own")
    if access.disabling is None and WORKER in access.person.roles:
        return context.translate("admin.person.worker")
    if access.disabling is not None and access.disabling.by is None:
        return context.translate("admin.person.by_file")
    if access.proposed_by is not None and is_same_person(access.proposed_by, context.operator or ""):
        return context.translate("admin.person.own_request")
    if access.disabling is not None and context.is_only_person_with_right("people"):
        return context.translate("admin.person.alone")
    return ""


def format_disabling(context: WindowContext, access: PersonAccess) -> str:
    """Return the text about a disabled person: the administrator who has disabled the person, the time, the reason,
    and the administrator who has requested to enable the person. Return "" for an enabled person."""
    return "" if access.disabling is None else capitalize_first_letter(format_person_state(access, context.language))


def make_people_columns(context: WindowContext) -> list[Column]:
    """Return the columns of the tab with the people: the name, the roles, if the person may buy, and if the person is
    disabled, with the reason."""
    translate = context.translate

    def make_state_cell(access: PersonAccess) -> StateCell:
        if access.disabling is None:
            return StateCell(translate("person.state.enabled"), "check", "good")
        return StateCell(translate("person.state.disabled"), "lock", "care")

    return [
        Column("name", translate("admin.column.name"), 140, lambda access: access.person.name),
        Column("roles", translate("admin.column.roles"), 220,
               lambda access: translate("admin.roles", roles=sorted(access.person.roles))),
        Column("buys", translate("admin.column.may_buy"), 130,
               lambda access: translate("admin.may_buy" if access.person.may_buy else "admin.may_not_buy")),
        Column("state", translate("column.state"), 120, make_state_cell, "state"),
        Column("reason", translate("admin.column.reason"), 260,
               lambda access: format_disabling(context, access), is_stretched=True),
    ]  # fmt: skip
