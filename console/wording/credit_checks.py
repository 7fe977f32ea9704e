"""Texts of a credit check, for the window and for exports: its state, its company, its result."""

from console.domain.explanations.badges import find_state_badge
from console.domain.records import CreditCheck
from console.wording.text_context import TextContext


def state_key(record: CreditCheck, *, derived: bool = True) -> str:
    """Return the key of the badge for the state of a credit check (`find_state_badge`)."""
    return find_state_badge(record, derived=derived)


def known_name(record: CreditCheck, context: TextContext) -> str:
    """Return the name that the provider gave a company, else the registry's official name, marked as such; "" if
    neither is known.
    """
    if record.company_name:
        return record.company_name
    entry = record.registry_entry
    return marked_name(entry.corporation.name, context) if entry is not None else ""


def marked_name(official_name: str, context: TextContext) -> str:
    """Return a name of the registry with the mark that says where it is from; "" for an empty name."""
    return context.translate("corporation.marked_name", name=official_name) if official_name else ""


def result_word(record: CreditCheck, context: TextContext) -> str:
    return (
        context.translate(f"result.{record.result}") if record.result in ("ok", "hold", "ng") else record.result or ""
    )


def actor_name(name: str, context: TextContext) -> str:
    """Return the name of a person who acted; for the worker, the word for it in the window's language."""
    return context.translate("who.worker") if name == "worker" else name
