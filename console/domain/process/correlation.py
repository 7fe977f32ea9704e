"""Correlation id of the current work (a command, an action in a window, one run of a task), and facts about this
work, for log lines. Id and facts are stored in a context variable, so that every function that runs in the same
thread as part of this work can read them. No I/O.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

CORRELATION_FACT_NAME = "correlation"
RETRIES_FACT_NAME = "retries"
_current_log_facts: ContextVar[Mapping[str, str]] = ContextVar("tracing", default=MappingProxyType({}))


def get_current_log_facts() -> Mapping[str, str]:
    """Return the facts about the current work by name: `correlation` (the correlation id) and, where known, `run`,
    `task`, `record`, `operation` and `retries`.
    """
    return _current_log_facts.get()


def find_correlation_id() -> str | None:
    """Return the correlation id of the current work; None if the caller runs outside of any work."""
    return _current_log_facts.get().get(CORRELATION_FACT_NAME)


def get_retry_count() -> int:
    """Return the number of earlier attempts of the current call, from the fact `retries`; 0 if the fact is
    missing.
    """
    text = _current_log_facts.get().get(RETRIES_FACT_NAME, "0")
    return int(text) if text.isdecimal() else 0


@contextmanager
def add_log_facts(**facts: str) -> Iterator[None]:
    """A context manager: inside its block, each log line has `facts` in addition to the other facts of the current
    work.
    """
    token = _current_log_facts.set({**_current_log_facts.get(), **facts})
    try:
        yield
    finally:
        _current_log_facts.reset(token)


@contextmanager
def continue_or_start_correlation(**facts: str) -> Iterator[str]:
    """A context manager: inside its block, log lines have `facts` and a correlation id. The id is the present
    correlation id; if there is none, a new one. Yield the id."""
    with add_log_facts(**{CORRELATION_FACT_NAME: find_correlation_id() or _make_correlation_id(), **facts}):
        yield find_correlation_id() or ""


@contextmanager
def start_new_correlation(**facts: str) -> Iterator[str]:
    """A context manager: inside its block, log lines have `facts` and a new correlation id, which is yielded. Inside
    the block the fact `run` is the correlation id that was present before, if there was one."""
    outer_id = find_correlation_id()
    outer_facts = {"run": outer_id} if outer_id else {}
    with add_log_facts(**{**outer_facts, CORRELATION_FACT_NAME: _make_correlation_id(), **facts}):
        yield find_correlation_id() or ""


def _make_correlation_id() -> str:
    return os.urandom(8).hex()  # like secrets.token_hex, without that module, which loads OpenSSL at every start
