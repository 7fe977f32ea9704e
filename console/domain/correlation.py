"""What the work at hand belongs to: one correlation id from the first room to the last, and facts beside it.

Kept in a context variable: the thread that works has it, and whoever copies its context. No I/O.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

CORRELATION = "correlation"
_facts: ContextVar[Mapping[str, str]] = ContextVar("tracing", default=MappingProxyType({}))


def facts() -> Mapping[str, str]:
    """What is known of the work at hand: `correlation`, and where known `run`, `task`, `record`, `operation`."""
    return _facts.get()


def correlation() -> str | None:
    """The id that all traces of the work at hand carry; None outside of any."""
    return _facts.get().get(CORRELATION)


@contextmanager
def within(**more: str) -> Iterator[None]:
    """These facts too, until the end of the block."""
    token = _facts.set({**_facts.get(), **more})
    try:
        yield
    finally:
        _facts.reset(token)


@contextmanager
def correlated(**more: str) -> Iterator[str]:
    """One piece of work: under the id that is there, otherwise under a new one, which it gives."""
    with within(**{CORRELATION: correlation() or _new(), **more}):
        yield correlation() or ""


@contextmanager
def apart(**more: str) -> Iterator[str]:
    """A piece of work with an id of its own; the one around it stays beside it as `run`."""
    around = correlation()
    outer = {"run": around} if around else {}
    with within(**{**outer, CORRELATION: _new(), **more}):
        yield correlation() or ""


def _new() -> str:
    return secrets.token_hex(8)
