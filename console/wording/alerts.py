"""Texts of alerts, for the window and for exports: the alert's rule, its observed and expected values, its record."""

from console.domain.alerts.provider_subjects import find_provider_of_subject
from console.domain.alerts.queue_age import QUEUE_BY_SUBJECT_ID
from console.domain.registry.facts import RegistryEntry
from console.domain.registry.watched_facts import CORPORATION_KIND
from console.domain.tasks.records import Alert, AlertItem
from console.wording.registry import TranslateFunction, format_registry_name_with_mark
from console.wording.sentences import catalogue as wording
from console.wording.sentences.text_context import TextContext


def format_alert_rule(alert: Alert, context: TextContext) -> str:
    """Return a short text about the contradiction that the alert's rule has detected. If the rule has no text, return
    the rule's id.
    """
    key = wording.find_alert_rule_sentence_key(alert.rule_id)
    return context.translate(key) if key else alert.rule_id


def format_alert_value(text: str, context: TextContext, other_text: str | None = None) -> str:
    """Return the stored value `text` of an alert (its observed or its expected value) as words and formatted amounts.
    `other_text` is the alert's other value, which may contain the currency if `text` doesn't."""
    return wording.format_finding(text, context.language, other_text)


def format_alert_record(item: AlertItem, context: TextContext) -> str:
    """Return the text that names the alert's record: the number of a corporation, with its official name if the
    registry has it; the kind and the number of an order or a payment, or the id of a refund or a credit check; the
    number of a notice; the name of a queue, provider or task; for any other record, the word for its kind."""
    alert = item.alert
    if item.kind == CORPORATION_KIND:
        return format_changed_corporation(item.number or "", alert.registry_entry, context.translate)
    if alert.subject_kind == "order" and alert.order_no is not None:
        return context.translate("case.title.order", number=alert.order_no)
    if item.number is not None:
        return context.translate("case.title.payment", number=item.number) if item.kind == "payment" else item.number
    key = _find_subject_name_key(alert) or f"kind.{alert.subject_kind}"
    kind = context.translate(key) if wording.has_sentence(key) else alert.subject_kind
    if alert.subject_kind == "refund":
        return context.translate("case.title.refund", id=alert.subject_id)
    # People know a credit check by its id, but not a payment or an order.
    text = f"{kind} {alert.subject_id}" if alert.subject_kind == "credit-check" else kind
    return wording.capitalize_first_letter(text)


def _find_subject_name_key(alert: Alert) -> str | None:
    """Return the wording key of the name of the queue, the provider or the task that the alert is about; None for
    other subjects and for an unknown name."""
    match alert.subject_kind:
        case "queue":
            key = f"queue.{QUEUE_BY_SUBJECT_ID.get(alert.subject_id)}.title"
        case "provider":
            key = f"provider.{find_provider_of_subject(alert.subject_id)}"
        case "task":  # the observed state of a late task begins with its name
            key = f"task.{alert.observed.partition(':')[0]}"
        case _:
            return None
    return key if wording.has_sentence(key) else None


def format_changed_corporation(
    corporation_number: str, entry: RegistryEntry | None, translate: TranslateFunction
) -> str:
    """Return a corporation number, followed by the official name if the registry has an entry about it."""
    grouped_number = wording.format_corporation_number(corporation_number)
    return (
        f"{grouped_number} {format_registry_name_with_mark(entry.corporation, translate)}"
        if entry
        else grouped_number
    )
