"""Lets methods raise an error, as if the database didn't answer."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from console.domain.errors import ConsoleError, ErrorCode
from console.store.database.engine import Database


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


@contextmanager
def let_reads_fail_after_commit(database: Database, is_stored: Callable[[], bool]) -> Iterator[None]:
    """Let each read of the database raise `database_unreachable`, from the first COMMIT after which `is_stored`
    returns True until the end of the block. Raises AssertionError if there was no such COMMIT.
    """
    write, failing_reads, is_failing = database.write, ExitStack(), False

    def write_and_lose_database(*arguments: Any, **options: Any) -> Any:
        nonlocal is_failing
        result = write(*arguments, **options)
        if not is_failing and is_stored():
            is_failing = True
            error = ConsoleError(ErrorCode.DATABASE_UNREACHABLE)
            failing_reads.enter_context(let_method_fail(database, "read", error))
        return result

    database.write = write_and_lose_database  # type: ignore[method-assign]
    try:
        with failing_reads:
            yield
    finally:
        database.write = write  # type: ignore[method-assign]
    assert is_failing, "no COMMIT has stored the change"
