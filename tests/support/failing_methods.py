"""Lets a method of a service raise an error, as if the database didn't answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def let_method_fail(service: Any, method: str, error: Exception) -> Iterator[None]:
    """Let each call of this method of a service raise `error` until the end of the block."""
    read = getattr(service, method)

    def raise_error(*_arguments: Any, **_options: Any) -> Any:
        raise error

    setattr(service, method, raise_error)
    try:
        yield
    finally:
        setattr(service, method, read)
