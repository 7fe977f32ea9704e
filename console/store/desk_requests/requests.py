"""Reads and writes of the table `requests` (desk requests). A desk inserts a row and reads its answer; a worker
takes the request, executes it and writes the answer.

Triggers set the person and the time of a new row, and refuse every change that isn't a step of a worker
(`constraints.desk_requests`).
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    MetaData,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from console.domain.desk_requests.records import (
    DeskRequestProgress,
    DeskRequestState,
    NewDeskRequest,
    OwnRequestState,
    StoredRequest,
    TakenDeskRequest,
    make_withdrawal_id,
)
from console.domain.desk_requests.rules import (
    ACTIONS_WITHOUT_REQUEST_ID,
    AUDIT_REQUEST_ACTION,
    LONGEST_FILE_PART_BYTES,
    TAKEOVER_MARGIN_SECONDS,
    WITHDRAW_ACTION,
    WITHDRAWN_REQUEST_KIND,
)
from console.store.access.people_views import OWN_REQUESTS_VIEW
from console.store.database.deferred_statements import execute_with_next_statement
from console.store.database.engine import RunAgain, Transaction
from console.store.database.error_codes import is_lock_wait_timeout
from console.store.database.lease_clock import lease_clock_id, make_is_live_condition, make_lease_expiry_sql
from console.store.database.server import avoid_lock_waits
from console.store.database.transaction import make_locking_read
from console.store.operations.leases import HoldingProcess
from console.store.operations.request_ids import ANSWERED_USE_STATE, RUNNING_USE_STATE
from console.store.schema.core import request_files, request_ids, requests

_MAX_TAKABLE_REQUESTS = 20
"""Largest number of requests that one search for the next request reads."""
_MAX_REQUESTS_MARKED_LAPSED = 100
"""Largest number of requests that one transaction marks as lapsed."""
_NOW_SQL: Any = literal_column("CONVERT_TZ(SYSDATE(6), @@session.time_zone, '+00:00')")
"""SQL expression: the present instant in UTC by the server's clock, which no session can set."""

_LIVE_LEASE_CONDITION = make_is_live_condition(requests.c.lease_clock, requests.c.lease_expires)
_WAITING_REQUEST_CONDITION = and_(requests.c.state == DeskRequestState.WAITING, requests.c.expires_at > _NOW_SQL)
_MAY_HAVE_BEGUN_CONDITION = or_(
    # Not IN, which SQLAlchemy would compile again for each call.
    *(requests.c.action == action for action in sorted(ACTIONS_WITHOUT_REQUEST_ID)),
    select(request_ids.c.person)
    .where(
        request_ids.c.person == requests.c.who,
        request_ids.c.request_id == func.coalesce(requests.c.request_id, requests.c.id),
        or_(
            request_ids.c.state == ANSWERED_USE_STATE,
            and_(
                request_ids.c.state == RUNNING_USE_STATE,
                or_(
                    request_ids.c.subject_kind.is_not(None),
                    make_is_live_condition(request_ids.c.lease_clock, request_ids.c.lease_expires),
                ),
            ),
        ),
    )
    .correlate(requests)
    .exists(),
)
"""SQL condition: a worker may have begun the command of a desk request. Always true for an action without a request
id. For another action false if no worker has used the request's id, or if each use of the id has ended without
writing or sending anything.
"""
_MAY_BE_EXECUTED_CONDITION = or_(requests.c.expires_at > _NOW_SQL, _MAY_HAVE_BEGUN_CONDITION)
"""SQL condition: the time of a desk request isn't over, or a worker may have begun its command."""
_TAKEN_WITHOUT_LEASE_CONDITION = and_(requests.c.state == DeskRequestState.TAKEN, not_(_LIVE_LEASE_CONDITION))
"""SQL condition: a worker has taken the desk request and not ended it, and the worker's lease on it isn't live."""
_ABANDONED_REQUEST_CONDITION = and_(_TAKEN_WITHOUT_LEASE_CONDITION, _MAY_BE_EXECUTED_CONDITION)
"""SQL condition: another worker may take a desk request, because the worker that took it has ended or has given it
back.
"""
_withdrawal_request = requests.alias("withdrawal")
_WITHDRAWN_REQUEST_CONDITION = (
    select(_withdrawal_request.c.id)
    .where(_withdrawal_request.c.claimed_id == requests.c.id, _withdrawal_request.c.id != requests.c.id)
    .correlate(requests)
    .exists()
)
_RUNNING_REQUEST_CONDITION = and_(requests.c.state == DeskRequestState.TAKEN, _LIVE_LEASE_CONDITION)
_ANY_OPEN_REQUEST_QUERY = (
    select(requests.c.state).where(requests.c.state.in_((DeskRequestState.WAITING, DeskRequestState.TAKEN))).limit(1)
)
"""Query that returns a row if any request is open."""
_LOWEST_STATE_QUERY = select(func.min(requests.c.state))
"""Query that returns `asked`, the lowest of all states, if any request waits. It is the cheapest such read, because
the server reads one entry of an index without a search: an idle worker runs it 25 times a second.
"""
# The rows are numbered in a query around the one that reads the time: MySQL orders the rows of a window only by
# deterministic expressions (error 3587).
_listed_requests = (
    select(
        requests.c.id,
        requests.c.fence,
        requests.c.at,
        requests.c.who,
        func.coalesce(requests.c.subject_kind, "").label("kind"),
        func.coalesce(requests.c.subject_id, requests.c.id).label("subject"),
        _RUNNING_REQUEST_CONDITION.label("running"),
        requests.c.id.in_(bindparam("passed_over_ids", expanding=True)).label("passed_over"),
        func.find_in_set(requests.c.who, bindparam("served_people")).label("served_place"),
    )
    .where(
        or_(
            and_(_WAITING_REQUEST_CONDITION, not_(_WITHDRAWN_REQUEST_CONDITION)),
            requests.c.state == DeskRequestState.TAKEN,
        ),
        requests.c.action.not_in((AUDIT_REQUEST_ACTION, WITHDRAW_ACTION)),
    )
    .subquery("listed")
)
_REQUEST_ORDER_COLUMNS_PER_PERSON = (_listed_requests.c.running.desc(), _listed_requests.c.at, _listed_requests.c.id)
"""Columns by which the requests of one person are numbered: the request that is executed now first, then the others
by time and id.
"""
_REQUEST_ORDER_COLUMNS_PER_RECORD = (
    _listed_requests.c.running.desc(), _listed_requests.c.passed_over, _listed_requests.c.served_place,
    *_REQUEST_ORDER_COLUMNS_PER_PERSON[1:],
)  # fmt: skip
"""Columns by which the requests about one record are numbered: the request that is executed now first; requests that
have been locked for long come last.
"""
_open_requests = select(
    _listed_requests.c.id,
    _listed_requests.c.fence,
    _listed_requests.c.who,
    _listed_requests.c.at,
    _listed_requests.c.running,
    func.row_number()
    .over(
        partition_by=(_listed_requests.c.kind, _listed_requests.c.subject), order_by=_REQUEST_ORDER_COLUMNS_PER_RECORD
    )
    .label("place"),
    func.row_number()
    .over(partition_by=_listed_requests.c.who, order_by=_REQUEST_ORDER_COLUMNS_PER_PERSON)
    .label("turn"),
).subquery("open")
"""All open desk requests except those for audit entries, each with two numbers from 1: `place` among the requests
about its record, and `turn` among the requests of its person.
"""
# For each record, only the first request about it can be taken. The second request of a person comes after the first
# requests of all people, so that nobody waits for all requests of somebody else. If several people have requests
# about one record, the first one is of a person for whom this worker has executed no request or, if there is no such
# person, of the person whose last executed request was taken longest ago.
_TAKABLE_REQUESTS_QUERY = (
    select(_open_requests.c.id, _open_requests.c.fence, _open_requests.c.who)
    .where(
        not_(_open_requests.c.running),
        _open_requests.c.place == 1,
        _open_requests.c.turn <= bindparam("last_turn"),
        _open_requests.c.id.not_in(bindparam("locked_ids", expanding=True)),
    )
    .order_by(_open_requests.c.turn, _open_requests.c.at, _open_requests.c.id)
    .limit(_MAX_TAKABLE_REQUESTS)
)
_TAKABLE_AUDIT_REQUESTS_QUERY = (  # read only if no other request can be taken: no person waits for an audit entry
    select(requests.c.id, requests.c.fence, requests.c.who)
    .where(
        or_(_WAITING_REQUEST_CONDITION, _ABANDONED_REQUEST_CONDITION),
        requests.c.action == AUDIT_REQUEST_ACTION,
        requests.c.id.not_in(bindparam("locked_ids", expanding=True)),
    )
    .order_by(requests.c.at, requests.c.id)
    .limit(_MAX_TAKABLE_REQUESTS)
)
_TURN_NUMBER_AFTER_ALL_OTHERS = 1_000_000
"""A number above the turn number of every open request. The turn number is the place of a request among the open
requests of its person (from 1).
"""
_REQUEST_TAKEN_BY_THIS_WORKER_CONDITION = and_(
    requests.c.id == bindparam("desk_request_id"),
    requests.c.fence == bindparam("fence_as_taken"),
    requests.c.state == DeskRequestState.TAKEN,
)
"""SQL condition: the desk request is taken, with the fencing token that this worker got. So no other worker has taken
it since."""

_TAKE_REQUEST_STATEMENT = (
    update(requests)
    .where(
        requests.c.id == bindparam("desk_request_id"),
        requests.c.fence == bindparam("fence_as_taken"),
        or_(_WAITING_REQUEST_CONDITION, _ABANDONED_REQUEST_CONDITION),
    )
    .values(
        state=DeskRequestState.TAKEN, taken_by=bindparam("account"), worker=bindparam("session"),
        lease_clock=lease_clock_id(), lease_expires=make_lease_expiry_sql(), fence=requests.c.fence + 1,
    )
)  # fmt: skip
_TAKEN_REQUEST_QUERY = select(
    requests.c.id, requests.c.who, requests.c.action, requests.c.args, func.coalesce(requests.c.request_id,
    requests.c.id), requests.c.evidence_sha256, requests.c.confirmed, requests.c.fence, requests.c.subject_kind,
    requests.c.subject_id, requests.c.amount_minor, requests.c.proposed,
    requests.c.expires_at <= literal_column(f"{_NOW_SQL} - INTERVAL {TAKEOVER_MARGIN_SECONDS} SECOND"),
).where(requests.c.id == bindparam("desk_request_id"))  # fmt: skip
_BEGUN_REQUEST_QUERY = select(requests.c.id).where(
    requests.c.id == bindparam("desk_request_id"), _MAY_HAVE_BEGUN_CONDITION
)
_earlier_request = requests.alias("earlier")
_EARLIER_REQUEST_QUERY = (
    select(_earlier_request.c.id)
    .join(requests, _earlier_request.c.who == requests.c.who)
    .where(
        requests.c.id == bindparam("desk_request_id"),
        _earlier_request.c.request_id == requests.c.request_id,
        _earlier_request.c.at < requests.c.at,
    )
    .limit(1)
)
_TAKEN_REQUEST_OF_WORKER_QUERY = select(requests.c.id).where(
    _REQUEST_TAKEN_BY_THIS_WORKER_CONDITION, requests.c.worker == bindparam("session")
)
_FENCE_QUERY = select(requests.c.fence).where(
    requests.c.id == bindparam("desk_request_id"), not_(_WITHDRAWN_REQUEST_CONDITION)
)
_OTHER_RUNNING_REQUEST_QUERY = select(requests.c.id).where(
    requests.c.id != bindparam("desk_request_id"),
    requests.c.subject_kind == bindparam("kind"),
    requests.c.subject_id == bindparam("subject"),
    _RUNNING_REQUEST_CONDITION,
)
_RENEW_REQUEST_LEASE_STATEMENT = (
    update(requests)
    .where(_REQUEST_TAKEN_BY_THIS_WORKER_CONDITION, or_(_LIVE_LEASE_CONDITION, _MAY_BE_EXECUTED_CONDITION))
    .values(lease_expires=make_lease_expiry_sql())
)
# A beat of the heartbeat may still run when a worker ends the lease (`lease_expires` 0): this lease stays ended.
_RENEW_UNENDED_REQUEST_LEASE_STATEMENT = _RENEW_REQUEST_LEASE_STATEMENT.where(requests.c.lease_expires > 0)
_REQUESTS_TAKEN_BY_WORKERS_QUERY = select(requests.c.id, requests.c.who, requests.c.worker).where(
    requests.c.state == DeskRequestState.TAKEN,
    requests.c.worker.in_(bindparam("workers", expanding=True)),
    requests.c.taken_by == bindparam("account"),
    _LIVE_LEASE_CONDITION,
)
_END_LEASE_OF_WORKER_STATEMENT = (
    update(requests)
    .where(requests.c.id == bindparam("desk_request_id"), requests.c.worker == bindparam("token"))
    .values(lease_expires=0)
)
_END_OWN_LEASE_STATEMENT = update(requests).where(_REQUEST_TAKEN_BY_THIS_WORKER_CONDITION).values(lease_expires=0)
_WRITE_REQUEST_PROGRESS_STATEMENT = (
    update(requests).where(_REQUEST_TAKEN_BY_THIS_WORKER_CONDITION).values(progress=bindparam("step"))
)
_END_REQUEST_STATEMENT = (
    update(requests)
    .where(_REQUEST_TAKEN_BY_THIS_WORKER_CONDITION)
    .values(
        state=DeskRequestState.ENDED,
        result=bindparam("answer"),
        ended_at=_NOW_SQL,
        lease_expires=0,
        progress=func.coalesce(bindparam("last_step"), requests.c.progress),
    )
)
_LAPSED_REQUEST_CONDITION = and_(
    requests.c.expires_at <= _NOW_SQL,
    or_(
        requests.c.state == DeskRequestState.WAITING,
        and_(_TAKEN_WITHOUT_LEASE_CONDITION, not_(_MAY_HAVE_BEGUN_CONDITION)),
    ),
)
"""SQL condition: the time of a desk request is over, and certainly no worker has begun its command, or can begin it.
"""
# By its id: a search by state would wait for the transactions in which people insert requests.
_MARK_REQUESTS_LAPSED_STATEMENT = (
    update(requests)
    .where(requests.c.id == bindparam("desk_request_id"), _LAPSED_REQUEST_CONDITION)
    .values(state=DeskRequestState.LAPSED, ended_at=_NOW_SQL)
)
_LAPSED_REQUESTS_QUERY = (  # those for audit entries have years, and there may be thousands
    select(requests.c.id, requests.c.who)
    .where(
        _LAPSED_REQUEST_CONDITION,
        requests.c.action != AUDIT_REQUEST_ACTION,
        requests.c.id.not_in(bindparam("locked_ids", expanding=True)),
    )
    .limit(bindparam("limit"))
)
_ANY_LAPSED_REQUEST_QUERY = (
    select(requests.c.id).where(_LAPSED_REQUEST_CONDITION, requests.c.action != AUDIT_REQUEST_ACTION).limit(1)
)
_own_requests = requests.to_metadata(MetaData(), name=OWN_REQUESTS_VIEW)
_OWN_LIVE_LEASE_CONDITION = make_is_live_condition(_own_requests.c.lease_clock, _own_requests.c.lease_expires)
_OWN_LAPSED_REQUEST_CONDITION = and_(
    _own_requests.c.state == DeskRequestState.WAITING, _own_requests.c.expires_at <= _NOW_SQL
)
_OWN_ABANDONED_REQUEST_CONDITION = and_(
    _own_requests.c.state == DeskRequestState.TAKEN, not_(_OWN_LIVE_LEASE_CONDITION)
)
_withdrawals = requests.to_metadata(MetaData(), name=OWN_REQUESTS_VIEW).alias("own_withdrawal")
_REQUEST_PROGRESS_QUERY = select(
    _own_requests.c.state,
    _own_requests.c.progress,
    _own_requests.c.result,
    _OWN_LAPSED_REQUEST_CONDITION.label("over"),
    _OWN_ABANDONED_REQUEST_CONDITION.label("abandoned"),
    select(_withdrawals.c.id)
    .where(
        _withdrawals.c.id == bindparam("withdrawal_id"),
        _withdrawals.c.action == WITHDRAW_ACTION,
        _withdrawals.c.subject_id == bindparam("desk_request_id"),
    )
    .exists()
    .label("withdrawn"),
).where(_own_requests.c.id == bindparam("desk_request_id"))
_OLDEST_LISTED_TIME = func.timestampadd(
    literal_column("SECOND"), -bindparam("age_seconds", type_=Integer), literal_column("UTC_TIMESTAMP(6)")
)
"""SQL expression: the instant `age_seconds` ago by the server's clock. It is constant within a statement, unlike
_NOW_SQL, so that the server can search an index for it.
"""
_IS_RECENT_OWN_REQUEST_CONDITION = and_(
    _own_requests.c.asked_hour >= func.to_seconds(_OLDEST_LISTED_TIME).op("DIV")(3600),
    _own_requests.c.at >= _OLDEST_LISTED_TIME,
)
"""SQL condition: the server stored the request of the connected account at most `age_seconds` ago. The request's id
has the time of its desk's clock, which may be wrong. The index ix_requests_who finds the hours of `asked_hour`.
"""
_LONGEST_LISTED_RESULT_BYTES = 64 * 1024
"""Length (bytes) of the longest answer that a list of requests reads; a longer answer is left out (NULL)."""
_OWN_REQUESTS_QUERY = (
    select(
        _own_requests.c.id,
        _own_requests.c.at,
        _own_requests.c.action,
        _own_requests.c.subject_kind,
        _own_requests.c.subject_id,
        _own_requests.c.state,
        _OWN_LAPSED_REQUEST_CONDITION.label("over"),
        _OWN_ABANDONED_REQUEST_CONDITION.label("abandoned"),
        _own_requests.c.expires_at,
        case(
            (func.octet_length(_own_requests.c.result) <= _LONGEST_LISTED_RESULT_BYTES, _own_requests.c.result)
        ).label("result"),
    )
    .where(_IS_RECENT_OWN_REQUEST_CONDITION, _own_requests.c.action.not_in((AUDIT_REQUEST_ACTION, WITHDRAW_ACTION)))
    .order_by(_own_requests.c.at.desc(), _own_requests.c.id.desc())
    .limit(bindparam("limit"))
)
_SUBJECT_OF_OWN_REQUEST_QUERY = (
    select(_own_requests.c.subject_kind, _own_requests.c.subject_id)
    .where(
        _IS_RECENT_OWN_REQUEST_CONDITION,
        or_(
            _own_requests.c.id == bindparam("request_or_act_id"),
            _own_requests.c.request_id == bindparam("request_or_act_id"),
        ),
    )
    .order_by(_own_requests.c.at.desc(), _own_requests.c.id.desc())
    .limit(1)
)
_OWN_WITHDRAWALS_QUERY = select(_own_requests.c.subject_id, _own_requests.c.at).where(
    _IS_RECENT_OWN_REQUEST_CONDITION, _own_requests.c.action == WITHDRAW_ACTION
)
_STORED_REQUEST_QUERY = make_locking_read(
    select(_own_requests.c.id).where(_own_requests.c.id == bindparam("desk_request_id"))
)
_FILE_PARTS_QUERY = (
    select(request_files.c.content)
    .where(request_files.c.request == bindparam("desk_request_id"))
    .order_by(request_files.c.part)
)


@dataclass(frozen=True, slots=True)
class LockedIds:
    """Ids of desk requests that a search for the next request leaves out, because another transaction locks them.
    While a request is in `locked_ids`, no later request about the same record is taken. A request in
    `passed_over_ids` doesn't delay later requests."""

    locked_ids: frozenset[str]
    passed_over_ids: frozenset[str]


NO_LOCKED_IDS = LockedIds(frozenset(), frozenset())


def insert_request(tx: Transaction, request: NewDeskRequest, desk: str, file: bytes | None = None) -> None:
    """Insert a desk request and, unless `file` is None, the bytes of its file in parts. Do nothing if a request with
    this id is stored: then an earlier INSERT succeeded, but its answer was lost.
    """
    if tx.conn.execute(_STORED_REQUEST_QUERY, {"desk_request_id": request.id}).first() is not None:
        return
    values = {
        "id": request.id, "who": "", "at": _NOW_SQL, "expires_at": _NOW_SQL, "action": request.action,
        "subject_kind": request.subject_kind, "subject_id": request.subject_id,
        "amount_minor": request.amount_minor, "proposed": request.proposed_value, "args": request.arguments_json,
        "evidence_sha256": request.evidence_sha256, "request_id": request.request_id, "desk": desk,
        "confirmed": request.is_password_confirmed,
    }  # fmt: skip
    tx.conn.execute(insert(requests).values(**values))
    parts = (
        []
        if file is None
        else [file[at : at + LONGEST_FILE_PART_BYTES] for at in range(0, len(file), LONGEST_FILE_PART_BYTES)]
    )
    for number, content in enumerate(parts):
        tx.conn.execute(insert(request_files).values(request=request.id, part=number, content=content))
    tx.set_commit_proof(
        lambda conn: conn.execute(_STORED_REQUEST_QUERY, {"desk_request_id": request.id}).first() is not None
    )


def insert_withdrawal(tx: Transaction, desk_request_id: str, desk: str) -> None:
    """Withdraw the desk request with the id `desk_request_id`, which the person of the connected account has sent:
    insert a withdrawal, itself a desk request. Raises UniqueViolation if a worker has already taken the request.
    """
    insert_request(
        tx,
        NewDeskRequest(
            make_withdrawal_id(desk_request_id), WITHDRAW_ACTION, "[]", WITHDRAWN_REQUEST_KIND, desk_request_id
        ),
        desk,
    )


def read_progress(conn: Connection, desk_request_id: str) -> DeskRequestProgress | None:
    """Return the progress of the desk request with this id; None if no such request of the connected account is
    stored. The function makes two reads by the primary key."""
    row = conn.execute(
        _REQUEST_PROGRESS_QUERY,
        {"desk_request_id": desk_request_id, "withdrawal_id": make_withdrawal_id(desk_request_id)},
    ).first()
    if row is None:
        return None
    state, progress, result, is_expired, is_abandoned, is_withdrawn = row
    return DeskRequestProgress(
        DeskRequestState(state), progress, result, bool(is_expired), bool(is_abandoned), bool(is_withdrawn)
    )


def list_own_requests(conn: Connection, age_seconds: int, limit: int) -> tuple[StoredRequest, ...]:
    """Return the desk requests that the connected account has stored within the last `age_seconds` by the server's
    clock, newest first and at most `limit`. Requests for audit entries and withdrawals are left out. A request that
    no worker took in time is returned as lapsed, also if its desk withdrew it afterwards so that no worker can take
    it.
    """
    withdrawals = conn.execute(_OWN_WITHDRAWALS_QUERY, {"age_seconds": age_seconds})
    withdrawn_at = {row.subject_id: row.at for row in withdrawals}
    return tuple(
        StoredRequest(
            row.id, row.at, row.action, row.subject_kind, row.subject_id,
            _make_own_request_state(
                row.state,
                is_expired=bool(row.over),
                is_abandoned=bool(row.abandoned),
                is_withdrawn=row.id in withdrawn_at and withdrawn_at[row.id] < row.expires_at,
            ), row.result,
        )
        for row in conn.execute(_OWN_REQUESTS_QUERY, {"age_seconds": age_seconds, "limit": limit})
    )  # fmt: skip


def find_subject_of_own_request(conn: Connection, age_seconds: int, request_or_act_id: str) -> tuple[str, str] | None:
    """Return the kind and id of the record that a desk request is about. Return None if there is no such desk
    request, or if it is about no record. `request_or_act_id` is the id of the desk request, or the request id of the
    acting call for which the desk sent it. The function searches only the desk requests that the connected database
    account has stored within the last `age_seconds` by the server's clock. If several of them match, it uses the
    newest one.
    """
    row = conn.execute(
        _SUBJECT_OF_OWN_REQUEST_QUERY, {"age_seconds": age_seconds, "request_or_act_id": request_or_act_id}
    ).first()
    return (row.subject_kind, row.subject_id) if row is not None and row.subject_kind and row.subject_id else None


def _make_own_request_state(
    state: str, *, is_expired: bool, is_abandoned: bool, is_withdrawn: bool
) -> OwnRequestState:
    """Return the state of a desk request that the window shows to its sender. `is_expired`: no worker took the
    request in time. `is_abandoned`: the lease of the worker that took it has expired. `is_withdrawn`: the sender has
    withdrawn it. The stored state of a withdrawn request is still WAITING until a worker marks the request as lapsed.
    """
    match DeskRequestState(state):
        case DeskRequestState.TAKEN:
            return OwnRequestState.ABANDONED if is_abandoned else OwnRequestState.TAKEN
        case DeskRequestState.ENDED:
            return OwnRequestState.ENDED
    if is_withdrawn:
        return OwnRequestState.WITHDRAWN
    is_lapsed = is_expired or state == DeskRequestState.LAPSED
    return OwnRequestState.LAPSED if is_lapsed else OwnRequestState.WAITING


class RequestLocked(Exception):
    """A person's open transaction holds a lock that a worker needs for the desk request with the id `request_id`,
    which `person` has sent: on its row, or on a withdrawal that isn't committed yet."""

    def __init__(self, request_id: str, person: str) -> None:
        super().__init__(f"desk request {request_id} is locked")
        self.request_id, self.person = request_id, person


class RecordIsBusy(Exception):
    """Raised if a worker can't take a desk request, because a worker is executing another desk request about the same
    record."""


def is_any_request_waiting(conn: Connection) -> bool:
    """True if any desk request waits, even one that has lapsed and isn't marked as lapsed yet."""
    return bool(conn.execute(_LOWEST_STATE_QUERY).scalar_one() == DeskRequestState.WAITING)


def count_takable_requests(conn: Connection, locked_requests: LockedIds = NO_LOCKED_IDS) -> int:
    """Return the number of desk requests that a worker may take now, at most _MAX_TAKABLE_REQUESTS. The requests in
    `locked_requests` aren't counted. If no request can be taken, but one has lapsed and isn't marked as lapsed yet,
    return 1, because the next take marks that request. If no request is open, the function costs one read of an
    index.
    """
    if conn.execute(_ANY_OPEN_REQUEST_QUERY).first() is None:
        return 0
    return len(_read_takable_requests(conn, locked_requests, ())) or len(
        _read_lapsed_requests(conn, locked_requests, 1)
    )


def take_next_request(
    tx: Transaction,
    holder: HoldingProcess,
    lease_seconds: float,
    locked_requests: LockedIds = NO_LOCKED_IDS,
    served_people: Sequence[str] = (),
    *,
    only_first_of_person: bool = False,
) -> TakenDeskRequest | None:
    """Take the next desk request for the calling process `holder`, with a lease of `lease_seconds`, and return it;
    return None if no request can be taken. First mark the requests that no worker took or began in time as lapsed. A
    request isn't taken while a worker executes another request about the same record. The requests in
    `locked_requests` are left out.

    The order is: each person's oldest request comes before any person's second one, and requests for audit entries
    come last. `served_people` are the people whose requests this worker has already taken, beginning with the person
    whose last request was taken longest ago. If several people have requests about one record, people who aren't in
    `served_people` come first, then the others in the order of `served_people`. With `only_first_of_person`, no
    request of a person is taken while another request of this person is executed, except a request for an audit
    entry.

    Raises RequestLocked if another transaction holds a lock that a change of a request needs. The changes don't wait
    for locks, except on MySQL, whose shortest wait is one second.
    """
    lapsed_counts: list[int] = []
    execute_with_next_statement(tx.conn, _ANY_LAPSED_REQUEST_QUERY, {}, lapsed_counts.append)
    takable_rows = _read_takable_requests(
        tx.conn, locked_requests, served_people, only_first_of_person=only_first_of_person
    )
    if any(lapsed_counts):
        for row in _read_lapsed_requests(tx.conn, locked_requests, _MAX_REQUESTS_MARKED_LAPSED):
            with _change_without_waiting(tx.conn, row.id, row.who):
                tx.conn.execute(_MARK_REQUESTS_LAPSED_STATEMENT, {"desk_request_id": row.id})
    for row in takable_rows:
        with _change_without_waiting(tx.conn, row.id, row.who):
            taken_request = _take_request(tx, row.id, row.fence, holder, lease_seconds)
        if taken_request is not None:
            return taken_request
    return None


def take_locked_request(
    tx: Transaction, holder: HoldingProcess, lease_seconds: float, desk_request_id: str
) -> TakenDeskRequest | None:
    """Take the desk request with the id `desk_request_id` for the calling process `holder`, with a lease of
    `lease_seconds`, and return it. The function waits for the locks of the request. During this wait the server lists
    the session that holds the locks as a blocking session, and a worker can end that session. Return None if the
    request was withdrawn, can no longer be taken, or is missing after a restore of the database; it is marked as
    lapsed if no worker took it in time.

    Raises RecordIsBusy while a worker executes another desk request about the same record, even one that was stored
    later.
    """
    fence = tx.conn.execute(_FENCE_QUERY, {"desk_request_id": desk_request_id}).scalar_one_or_none()
    if fence is None:
        return None
    taken = _take_request(tx, desk_request_id, fence, holder, lease_seconds)
    if taken is None:
        tx.conn.execute(_MARK_REQUESTS_LAPSED_STATEMENT, {"desk_request_id": desk_request_id})
        return None
    if tx.conn.execute(
        _OTHER_RUNNING_REQUEST_QUERY,
        {"desk_request_id": taken.id, "kind": taken.subject_kind, "subject": taken.subject_id},
    ).first():
        raise RecordIsBusy
    return taken


@contextmanager
def _change_without_waiting(conn: Connection, desk_request_id: str, person: str) -> Iterator[None]:
    """Context manager: the block changes the desk request with the id `desk_request_id`, which `person` has sent, and
    doesn't wait for locks. Raises RequestLocked with this id and person if another transaction holds a lock."""
    try:
        with avoid_lock_waits(conn):
            yield
    except DBAPIError as error:
        if not is_lock_wait_timeout(error):
            raise
        raise RequestLocked(desk_request_id, person) from error


def _take_request(
    tx: Transaction, desk_request_id: str, fence: int, holder: HoldingProcess, lease_seconds: float
) -> TakenDeskRequest | None:
    """Take one desk request, whose fencing token was `fence`, for the calling process `holder`, with a lease of
    `lease_seconds`, and return it. Return None if another worker has taken it meanwhile. Raises RunAgain if its
    person has withdrawn it: the transaction can't continue then, and its reads find the request no more.

    If the server doesn't answer the COMMIT, the worker finds its own take by the new fencing token. Otherwise nobody
    would execute the request until the end of the lease.
    """
    values = {
        "desk_request_id": desk_request_id, "fence_as_taken": fence, "account": holder.operator,
        "session": holder.session_id, "lease_ms": int(lease_seconds * 1000),
    }  # fmt: skip
    taken_counts: list[int] = []
    try:
        execute_with_next_statement(tx.conn, _TAKE_REQUEST_STATEMENT, values, taken_counts.append)
        row = tx.conn.execute(_TAKEN_REQUEST_QUERY, {"desk_request_id": desk_request_id}).first()
    except IntegrityError as withdrawn:
        raise RunAgain from withdrawn
    if row is None or not any(taken_counts):
        return None
    own_take = {"desk_request_id": desk_request_id, "fence_as_taken": fence + 1, "session": holder.session_id}
    tx.set_commit_proof(lambda conn: conn.scalar(_TAKEN_REQUEST_OF_WORKER_QUERY, own_take) is not None)
    request = TakenDeskRequest(*row)
    return replace(request, is_late=bool(request.is_late))


def _read_takable_requests(
    conn: Connection, locked_requests: LockedIds, served_people: Sequence[str], *, only_first_of_person: bool = False
) -> Sequence[Any]:
    """Return (id, fencing token, person) of desk requests that a worker may take, at most _MAX_TAKABLE_REQUESTS. Each
    of these requests waits, or was taken by a worker whose lease has expired. Each is also the first open request
    about its record. Requests for an audit entry are returned only if there is no other takable request.
    """
    locked_ids = list(locked_requests.locked_ids)
    rows = conn.execute(
        _TAKABLE_REQUESTS_QUERY,
        {
            "last_turn": 1 if only_first_of_person else _TURN_NUMBER_AFTER_ALL_OTHERS,
            "locked_ids": locked_ids,
            "passed_over_ids": list(locked_requests.passed_over_ids),
            "served_people": ",".join(served_people),
        },
    ).all()
    return rows or conn.execute(_TAKABLE_AUDIT_REQUESTS_QUERY, {"locked_ids": locked_ids}).all()


def _read_lapsed_requests(conn: Connection, locked_requests: LockedIds, limit: int) -> Sequence[Any]:
    """Return (id, person) of at most `limit` desk requests that have lapsed, but have another stored state."""
    return conn.execute(
        _LAPSED_REQUESTS_QUERY, {"locked_ids": list(locked_requests.locked_ids), "limit": limit}
    ).all()


def may_have_begun_command(conn: Connection, request: TakenDeskRequest) -> bool:
    """True if a worker may have begun the command of this desk request. That is the case if the command's request id
    has a stored answer, or if the use of this id is running and its lease is live or a record is stored for it. For a
    command without a request id the result is always True.
    """
    return conn.execute(_BEGUN_REQUEST_QUERY, {"desk_request_id": request.id}).first() is not None


def has_earlier_request(conn: Connection, request: TakenDeskRequest) -> bool:
    """True if the sender of this desk request has stored an earlier desk request with the same request id."""
    return conn.execute(_EARLIER_REQUEST_QUERY, {"desk_request_id": request.id}).first() is not None


def read_request_file(conn: Connection, request: TakenDeskRequest) -> bytes | None:
    """Return the file of a desk request; None if it has none. Raises ValueError if the stored parts together don't
    have the SHA-256 that the request names."""
    if request.evidence_sha256 is None:
        return None
    content = b"".join(
        bytes(part) for part in conn.execute(_FILE_PARTS_QUERY, {"desk_request_id": request.id}).scalars()
    )
    if hashlib.sha256(content).hexdigest() != request.evidence_sha256:
        raise ValueError("the file of a request is not the one that it names")
    return content


def end_leases_of_workers(tx: Transaction, workers: Collection[str], account: str) -> None:
    """End the leases of the desk requests that these workers have taken and not ended, so that other workers can take
    these requests. `workers` are the tokens of the workers' presence leases. Only requests that were taken under the
    database account `account` are changed. Requests that another transaction locks stay unchanged.

    One of these workers may still be running. It can write in the sender's name again as soon as another worker of
    `account` has taken the request, because the triggers compare only the account.
    """
    for id, person, token in tx.conn.execute(
        _REQUESTS_TAKEN_BY_WORKERS_QUERY, {"workers": list(workers), "account": account}
    ).all():
        with suppress(RequestLocked), _change_without_waiting(tx.conn, id, person):
            tx.conn.execute(_END_LEASE_OF_WORKER_STATEMENT, {"desk_request_id": id, "token": token})


def renew_lease(
    conn: Connection, taken_request: TakenDeskRequest, lease_seconds: float, *, renews_ended_lease: bool = False
) -> bool:
    """Extend the lease of a taken desk request to `lease_seconds` from now, even if it has expired. Return False if
    another worker has taken the request meanwhile, or if the lease and the request's time are over and no worker has
    begun its command; without `renews_ended_lease`, also if a worker has ended the lease.
    """
    return (
        conn.execute(
            _RENEW_REQUEST_LEASE_STATEMENT if renews_ended_lease else _RENEW_UNENDED_REQUEST_LEASE_STATEMENT,
            _make_taken_request_parameters(taken_request) | {"lease_ms": int(lease_seconds * 1000)},
        ).rowcount
        == 1
    )


def end_lease(conn: Connection, taken_request: TakenDeskRequest) -> None:
    """End the lease of a desk request that this worker has taken but doesn't execute, so that another worker can take
    it. Do nothing if another worker has taken it meanwhile."""
    conn.execute(_END_OWN_LEASE_STATEMENT, _make_taken_request_parameters(taken_request))


def mark_taken_request_lapsed(tx: Transaction, taken_request: TakenDeskRequest) -> bool:
    """End the lease of a desk request that this worker has taken, and mark the request as lapsed. Return False, and
    only end the lease, if a worker may have begun its command, or if another worker has taken the request meanwhile.
    """
    end_lease(tx.conn, taken_request)
    return tx.conn.execute(_MARK_REQUESTS_LAPSED_STATEMENT, {"desk_request_id": taken_request.id}).rowcount == 1


def write_progress(conn: Connection, taken_request: TakenDeskRequest, step: str) -> None:
    """Store in the desk request the step of its execution that this worker has reached (`step`). The window of the
    sender shows this step. Do nothing if another worker has taken the request meanwhile. Raises RequestLocked if
    another transaction locks the request.
    """
    with _change_without_waiting(conn, taken_request.id, taken_request.person):
        conn.execute(
            _WRITE_REQUEST_PROGRESS_STATEMENT, _make_taken_request_parameters(taken_request) | {"step": step}
        )


def store_answer(tx: Transaction, taken_request: TakenDeskRequest, answer: str, last_step: str | None = None) -> bool:
    """Store the answer (JSON text) of a desk request and set its state to ended. `last_step` is the last progress
    step of its execution (None: the stored step stays). Return False if another worker has taken the request
    meanwhile.
    """
    values = {"answer": answer, "last_step": last_step}
    return (
        tx.conn.execute(_END_REQUEST_STATEMENT, _make_taken_request_parameters(taken_request) | values).rowcount == 1
    )


def _make_taken_request_parameters(taken_request: TakenDeskRequest) -> dict[str, object]:
    """Return the parameters of _REQUEST_TAKEN_BY_THIS_WORKER_CONDITION for a taken desk request: its id, and its
    fencing token."""
    return {"desk_request_id": taken_request.id, "fence_as_taken": taken_request.fencing_token}
