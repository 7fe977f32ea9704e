"""Helpers for tests in team mode, in which the desks of people only send desk requests, and workers act for these
people.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Event
from urllib.parse import unquote, urlsplit

from console.app import Console
from console.domain.error_reasons import InProgressReason, OutcomeUnknownReason
from console.domain.errors import ConsoleError
from console.services.process.passwords import use_password_reader
from console.worker.request_threads import DeskRequestThreads
from tests.support.places import Place, ServerPlace
from tests.support.teams import apply_accounts
from tests.support.waiting import wait_until


def start_team_mode(place: Place, *people: str) -> None:
    """Let workers act for these people from now on. Their database accounts may then only read, and insert desk
    requests.
    """
    _apply_accounts(place, people, may_act=False)


def end_team_mode(place: Place, *people: str) -> None:
    """End the team mode of these people. From now on their own desks act."""
    _apply_accounts(place, people, may_act=True)


@contextmanager
def use_team_mode(place: Place, *people: str) -> Iterator[None]:
    """Let workers act for these people (see `start_team_mode`) until the end of the block."""
    start_team_mode(place, *people)
    try:
        yield
    finally:
        end_team_mode(place, *people)


def _apply_accounts(place: Place, people: tuple[str, ...], *, may_act: bool) -> None:
    assert isinstance(place, ServerPlace)
    roles = {name: "operator" if name.startswith("op-") else "approver" for name in people}
    entries = [
        {"name": place.get_account_name(person), "roles": [roles[person]], "may_buy": True, "acts": may_act}
        for person in people
    ]
    apply_accounts(place.database._team.owner, entries, {})


def get_password_of(place: Place, person: str) -> str:
    """Return the password of the person's database account."""
    return unquote(urlsplit(place.url(person)).password or "")


def pass_password(place: Place, person: str) -> dict[str, str]:
    """Return the setting (without its prefix) that names a file descriptor with the person's password, for one
    command that decides; the command closes the descriptor. On SQLite, which has no passwords, return no setting.
    """
    if not isinstance(place, ServerPlace):
        return {}
    reading_end, writing_end = os.pipe()
    os.write(writing_end, get_password_of(place, person).encode())
    os.close(writing_end)
    return {"OPERATOR_PASSWORD_FD": str(reading_end)}


def answer_password_prompts(place: Place, person: str) -> AbstractContextManager[None]:
    """Give this person's password to each prompt for a password until the end of the block."""
    return use_password_reader(lambda: get_password_of(place, person))


def is_result_unknown(refusal: ConsoleError) -> bool:
    """Return True if the error means that the desk doesn't know the result of its request, or that no worker took the
    request. A person then sends the request again with the same request id.
    """
    reason = refusal.detail.get("reason")
    return (
        refusal.code in ("worker_away", "database_unreachable", "database_locked")
        or (refusal.code == "outcome_unknown" and reason == OutcomeUnknownReason.WORKER_ANSWER_MISSING)
        or (refusal.code == "in_progress" and reason == InProgressReason.SAME_REQUEST_ID_RUNNING)
    )


@contextmanager
def keep_executing_desk_requests(worker: Console) -> Iterator[None]:
    """Let `worker` execute desk requests in its own threads until the end of the block. Returns to the caller after
    the first poll, which tells desks that the worker is running, without waiting for a request."""
    over = Event()
    runner = DeskRequestThreads(worker.desk_request_executor, over)
    runner.start()
    try:
        wait_until(runner._has_polled.is_set, "the worker's first poll")
        yield
    finally:
        over.set()
        wait_until(lambda: not runner.is_running, "the worker to end")
