"""The text that names the source of stored evidence, for the window and the terminal."""

from console.wording.sentences import catalogue as wording


def format_evidence_source(evidence_source: str, language: str) -> str:
    """Return the text for the source of evidence. The source is the name of a provider and of a call, such as
    "paypay.probe"."""
    if wording.has_sentence(f"evidence.source.{evidence_source}"):
        return wording.translate(f"evidence.source.{evidence_source}", language)
    provider, _, call = evidence_source.partition(".")
    is_known = wording.has_sentence(f"provider.{provider}")
    name = wording.translate(f"provider.{provider}", language) if is_known else provider
    return wording.translate("evidence.from", language, provider=name, call=call)
