"""A record's story as plain text, in Japanese and English: for people to read out, copy and keep."""

from collections.abc import Iterator

from console import wording
from console.domain.records import TimelineEntry
from console.domain.story import Chain, Event, Step, masked

_OWN = frozenset((Step.BEGUN, Step.ENDED, Step.ANSWER, Step.NOTICE, Step.PROOF))
_TRAIL = "audit_log"


def text(story: Chain, language: str) -> str:
    """All of it: what it is about, then a line for each event, with what belongs to it in brackets."""
    lines = [*head(story, language), *(line(event, story, language) for event in story.events)]
    if not story.events:
        lines.append(wording.say("story.empty", language))
    if story.next_cursor is not None:
        lines.append(wording.say("story.more", language))
    return "\n".join(masked(one, story.hidden) for one in lines) + "\n"


def head(story: Chain, language: str) -> Iterator[str]:
    """Which record, and its state on each axis."""
    facts = wording.with_amounts(story.facts)
    kind = wording.say(f"kind.{story.kind}", language)
    yield wording.say("story.title", language, **{**facts, "kind": kind, "id": story.id})
    yield " / ".join(_axes(story, language))
    yield ""


def _axes(story: Chain, language: str) -> Iterator[str]:
    state, certainty, work = (story.facts.get(name) for name in ("state", "certainty", "work"))
    yield wording.state_word(story.kind, str(state), language)
    if certainty is not None:
        yield wording.say(f"state.certainty.{certainty}", language)
        yield wording.say(f"state.work.{work}", language)


def line(event: Event, story: Chain, language: str) -> str:
    """`2026-11-20 15:04:05 JST  op-a  Approved the refund. [operation …, evidence #12]`: never more than a line."""
    who = wording.say("who.worker", language) if event.who == "worker" else event.who
    told = said(event, story, language)
    refs = wording.say("list.separator", language).join(_refs(event, language))
    whole = f"{wording.format_instant(event.at)}  {who}  {told}{f'  [{refs}]' if refs else ''}"
    return "".join(one if one.isprintable() else " " for one in whole)


def said(event: Event, story: Chain, language: str) -> str:
    """What happened, and to which record where it isn't the story's own; payers masked."""
    told = sentence(event, language)
    if (event.kind, event.id) != (story.kind, story.id):
        kind = wording.say(f"kind.{event.kind}", language)
        told = wording.say("story.of", language, kind=kind, id=event.id, told=told)
    return masked(told, story.hidden)


def sentence(event: Event, language: str) -> str:
    """What happened, as a whole sentence."""
    facts = wording.with_amounts(event.facts)
    if event.step in _OWN and event.source != _TRAIL:
        return wording.say(f"story.{event.step.value}", language, **facts)
    if event.source != _TRAIL:
        return wording.say(f"story.{event.what}", language, **facts)
    return wording.timeline_line(TimelineEntry(event.at, event.who, event.what, facts, event.result), language)


def _refs(event: Event, language: str) -> Iterator[str]:
    if event.operation_id is not None:
        yield wording.say("story.operation", language, id=event.operation_id)
    elif event.correlation is not None:
        yield wording.say("story.correlation", language, id=event.correlation)
    for one in event.evidence:
        yield wording.say("story.evidence", language, id=one)
