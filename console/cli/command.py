"""A command that makes one call of a service, the desk that it is made on, and ids as they are typed."""

import contextlib
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from console.cli_json import Object, Say
from console.cli_parser import LONGEST_NUMBER, usage
from console.cli_writer import Lines, Voice, Writer
from console.domain.errors import ConsoleError

if TYPE_CHECKING:
    from console.app import Console

T = TypeVar("T")

_LONGEST_PROVIDER_ID = 64


class Command(Protocol):
    """Something that can be run once with the words that belong to it."""

    def run(self, args: Namespace, writer: Writer) -> None: ...


@dataclass(frozen=True, slots=True)
class OnService(Generic[T]):
    """A command that makes one call of a service and tells its value."""

    act: "Callable[[Console, Namespace, Writer], T]"
    data: Callable[[T, Say], Object]
    lines: Callable[[T, Voice], Lines]

    def run(self, args: Namespace, writer: Writer) -> None:
        with opened(writer) as console:
            value = self.act(console, args, writer)
            writer.answer(lambda: self.data(value, writer.voice), lambda: self.lines(value, writer.voice))


@contextlib.contextmanager
def opened(writer: Writer) -> "Iterator[Console]":
    """The services, for the length of one command."""
    settings = writer.read_settings()
    from console.app import open_console

    with open_console(settings) as console:
        yield console


def row_id(kind: str, text: str) -> int:
    """The number of a record; not_found for text that no record can have as its id."""
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER):
        raise ConsoleError("not_found", {"kind": kind, "id": text[:40]})
    return int(text)


def provider_id(kind: str, text: str | None) -> int | str | None:
    """What `--provider-id` names: a number of AlarmBox's, or a payment provider's text; of an operation, whichever
    its record has. Raises usage.
    """
    if text is None:
        return None
    if kind == "credit-check":
        if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER and int(text):
            return int(text)
        raise usage("--provider-id: a whole number is needed")
    if not (text.strip() and text.isascii() and text.isprintable() and len(text) <= _LONGEST_PROVIDER_ID):
        raise usage("--provider-id: an id of the provider is needed")
    return text.strip()
