"""Texts of a credit check, for the window and for exports: its state, its company, its result, the person who
acted."""

from console.domain.explanations.badges import find_state_badge
from console.domain.records import CreditCheck
from console.wording.sentences.text_context import TextContext


def get_state_badge_key(record: CreditCheck) -> str:
    """Return the key, in the design tokens, of the badge that shows the state of a credit check. If parts of the
    credit check are missing, its badge says "incomplete"."""
    return find_state_badge(record)


def get_company_name_of_credit_check(record: CreditCheck, context: TextContext) -> str:
    """Return the name of the credit check's company: the name that the provider gave, otherwise the official name in
    the corporation registry, marked as a name from the registry. Return "" if neither name is known."""
    if record.company_name:
        return record.company_name
    entry = record.registry_entry
    return format_official_name_with_mark(entry.corporation.name, context) if entry is not None else ""


def format_official_name_with_mark(official_name: str, context: TextContext) -> str:
    """Return an official name with the mark which says that the name is from the corporation registry; "" for an
    empty name."""
    return context.translate("corporation.marked_name", name=official_name) if official_name else ""


def get_result_word(record: CreditCheck, context: TextContext) -> str:
    """Return the word for the result of a credit check. A result that this program doesn't know is returned
    unchanged; "" if the credit check has no result."""
    return (
        context.translate(f"result.{record.result}") if record.result in ("ok", "hold", "ng") else record.result or ""
    )


def get_actor_name(actor: str, context: TextContext) -> str:
    """Return the name of the person who acted. `actor` is this name, or the code name "worker"; for "worker", return
    the word for a worker in the language of the context."""
    return context.translate("who.worker") if actor == "worker" else actor
