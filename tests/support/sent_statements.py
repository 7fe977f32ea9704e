"""The statements that a desk sends to its database: each is a round trip on a server."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread

from sqlalchemy import event

from console.app import Console

AT_MOST_ONCE_A_SECOND = ("console_meta", "alembic_version", "information_schema")


@contextmanager
def counted(desk: Console) -> Iterator[list[str]]:
    """The statements that the desk sends to its database within the block, without the renewals of leases: how many
    of these come depends on how long the block takes. COMMIT is counted for servers alone.
    """
    sent: list[str] = []
    engines = {id(engine): engine for engine in (desk.database.engine, desk.database._read_engine)}.values()

    def is_renewal() -> bool:
        return current_thread().name == "heartbeat of a lease"

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        if (
            not is_renewal()
            and not statement.startswith("BEGIN")
            and not any(name in statement for name in AT_MOST_ONCE_A_SECOND)
        ):
            sent.append(statement)

    def commit(_conn: object) -> None:
        if desk.database.is_server and not is_renewal():
            sent.append("COMMIT")

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
        event.listen(engine, "commit", commit)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
            event.remove(engine, "commit", commit)
