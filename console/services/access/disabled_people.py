"""Disable a person, which one administrator does at once, and enable a person, for which two administrators are
necessary."""

from dataclasses import replace

from console.domain.access.disabled_people import (
    LONGEST_REASON_CHARACTERS,
    Disabling,
    PersonAccess,
    make_stale_disabling_error,
)
from console.domain.access.people_commands import DISABLE_COMMAND, ENABLE_COMMAND, OPERATOR_KIND
from console.domain.access.permissions import WORKER, has_right, is_same_person
from console.domain.annotations.person_texts import strip_invisible_characters
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import NotAllowedDetail
from console.domain.usage_problems import UsageProblem
from console.services.audit import refusals
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import ServiceContext
from console.store.access import disabled_people
from console.store.access import operators as people
from console.store.database.compare_and_swap import run_again_if_stale
from console.store.database.engine import Transaction
from console.store.database.instants import read_current_time
from console.store.database.sqlalchemy_names import Connection
from console.store.operations.request_ids import RequestIdUse


class DisabledPeopleService:
    """Lists people with their access, for everybody; disables and enables people, for administrators. A read-only
    switch stops none of these: an account must be stopped during an incident, too."""

    def __init__(self, context: ServiceContext, request_ids: RequestIdService) -> None:
        self._context, self._request_ids = context, request_ids

    def list_people(self) -> tuple[PersonAccess, ...]:
        """Return all people, sorted by name, with the administrator who has disabled each disabled one, and the
        administrator who has requested to enable the person. Needs no right."""
        with self._context.database.read() as conn:
            return disabled_people.list_people(
                conn,
                read_current_time(conn, self._context.now()),
                includes_unlisted_names=self._context.allows_names_without_operator_row,
            )

    def disable(self, person_name: str, reason: str, *, request_id: str | None = None) -> PersonAccess:
        """Disable the person: from now on the person may do nothing, and nothing that the person has requested is
        begun. On a server, a worker also locks the person's database account and ends its sessions. `reason` is the
        administrator's text, which everybody sees. Return the person. If the person is disabled already, write
        nothing and return the person with the earlier reason.

        Raises not_found for an unknown person; usage for a reason that is empty or longer than
        LONGEST_REASON_CHARACTERS; and not_allowed if the acting person is no administrator, for the acting person's
        own name (reason `own_account`), and for the account of a worker (`worker_account`).
        """
        return self._request_ids.act_once(
            DISABLE_COMMAND,
            request_id,
            (person_name, reason),
            lambda: self._disable(person_name, reason),
            lambda use: self._find_person_of_earlier_call(use, person_name),
        )

    def enable(
        self, person_name: str, seen_disabling_id: str | None = None, *, request_id: str | None = None
    ) -> PersonAccess:
        """Request to enable the person. If another administrator has requested it within the last day and since the
        person was disabled, enable the person. A request counts only while its person is an administrator. Return the
        person. If the person isn't disabled, write nothing. `seen_disabling_id` is the id of the disabling that the
        acting person has seen; None: any disabling.

        Raises not_found for an unknown person; stale_view if the person was disabled again since the acting person
        has looked; same_person if the acting person has made the open request; and not_allowed if the acting person
        is no administrator, if no other administrator could confirm the request (reason `only_administrator`), or if
        the file of accounts has disabled the person (`disabled_by_file`).
        """
        return self._request_ids.act_once(
            ENABLE_COMMAND,
            request_id,
            (person_name, seen_disabling_id),
            lambda: self._enable(person_name, seen_disabling_id),
            lambda use: self._find_person_of_earlier_call(use, person_name),
        )

    def _find_person_of_earlier_call(self, request_id_use: RequestIdUse, person_name: str) -> CallAnswer | None:
        """Return the person as stored now if an earlier call with this request id has disabled or enabled the person,
        or has requested to enable the person; None if that call wrote nothing."""
        if request_id_use.subject_kind != OPERATOR_KIND:
            return None
        with self._context.database.read() as conn:
            access = self._find_person(conn, person_name)
        return None if access is None else CallAnswer(access)

    def _find_person(self, conn: Connection, person_name: str) -> PersonAccess | None:
        return disabled_people.find_person_access(
            conn,
            person_name,
            read_current_time(conn, self._context.now()),
            includes_unlisted_names=self._context.allows_names_without_operator_row,
        )

    def _require_person(self, conn: Connection, person_name: str) -> PersonAccess:
        access = self._find_person(conn, person_name)
        if access is None:
            raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": OPERATOR_KIND, "id": person_name[:40]})
        return access

    def _disable(self, person_name: str, reason: str) -> PersonAccess:
        context, text = self._context, strip_invisible_characters(reason)
        with refusals.audit_refusals(context, AuditAction.OPERATOR_DISABLE, person_name[:40], kind=OPERATOR_KIND):
            self._require_administrator()
            if not 0 < len(text) <= LONGEST_REASON_CHARACTERS:
                raise ConsoleError(
                    ErrorCode.USAGE,
                    {"problem": UsageProblem.INVALID_SWITCH_REASON, "longest": LONGEST_REASON_CHARACTERS},
                )
            return context.write(lambda tx: self._store_disabling(tx, person_name, text))

    @run_again_if_stale()
    def _store_disabling(self, tx: Transaction, person_name: str, reason: str) -> PersonAccess:
        administrator = self._require_administrator()
        access, now = self._require_person(tx.conn, person_name), self._context.now()
        refusal = (
            NotAllowedReason.OWN_ACCOUNT
            if is_same_person(person_name, administrator)
            else NotAllowedReason.WORKER_ACCOUNT
            if WORKER in access.person.roles
            else None
        )
        if refusal is not None:
            facts: NotAllowedDetail = {"operator": person_name, "reason": refusal}
            raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)
        if access.disabling is not None:
            return access
        disabled_people.disable_person(tx.conn, person_name, administrator, reason, now)
        self._context.record_audit(
            tx, AuditAction.OPERATOR_DISABLED, person_name, {"note": reason}, kind=OPERATOR_KIND
        )
        return self._require_person(tx.conn, person_name)

    def _enable(self, person_name: str, seen_disabling_id: str | None) -> PersonAccess:
        context = self._context
        with refusals.audit_refusals(context, AuditAction.OPERATOR_ENABLE, person_name[:40], kind=OPERATOR_KIND):
            self._require_administrator()
            return context.write(lambda tx: self._propose_or_enable(tx, person_name, seen_disabling_id))

    def _require_administrator(self) -> str:
        """Return the name of the acting administrator. A transaction calls this again, because another administrator
        may have disabled the acting one since the call began. On SQLite no trigger refuses the change then."""
        return self._context.require_right("people").name

    def _has_second_administrator(self, conn: Connection, administrator: str) -> bool:
        """True if another enabled administrator could confirm the request of `administrator`. On a server, the
        database accepts such a request only from a person for whom a worker acts. Without stored people every name
        has all roles."""
        stored_people = people.read_people_by_name(conn).values()
        return not stored_people or any(
            has_right(stored.person, "people")
            and not stored.is_disabled
            and not is_same_person(stored.person.name, administrator)
            and (stored.asks_worker or not self._context.database.is_server)
            for stored in stored_people
        )

    @run_again_if_stale()
    def _propose_or_enable(self, tx: Transaction, person_name: str, seen_disabling_id: str | None) -> PersonAccess:
        administrator = self._require_administrator()
        context, access = self._context, self._require_person(tx.conn, person_name)
        disabling, now = access.disabling, read_current_time(tx.conn, self._context.now())
        if disabling is None:
            return access
        if seen_disabling_id is not None and seen_disabling_id != disabling.id:
            raise make_stale_disabling_error(seen_disabling_id, disabling)
        if disabling.by is None:
            facts: NotAllowedDetail = {"operator": person_name, "reason": NotAllowedReason.DISABLED_BY_FILE}
            raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)
        if not self._has_second_administrator(tx.conn, administrator):
            facts = {"operator": person_name, "reason": NotAllowedReason.ONLY_ADMINISTRATOR}
            raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)
        audit_facts = _make_audit_facts(disabling)
        if access.proposed_by is None:
            disabled_people.insert_enabling_proposal(tx.conn, person_name, disabling, administrator, now)
            context.record_audit(
                tx, AuditAction.OPERATOR_ENABLING_REQUESTED, person_name, audit_facts, kind=OPERATOR_KIND
            )
            return replace(access, proposed_by=administrator)
        if is_same_person(access.proposed_by, administrator):
            raise ConsoleError(ErrorCode.SAME_PERSON, {"first": access.proposed_by, "about": OPERATOR_KIND})
        disabled_people.enable_person(tx.conn, person_name, disabling, now)
        audit_facts |= {"proposed_by": access.proposed_by}
        context.record_audit(tx, AuditAction.OPERATOR_ENABLED, person_name, audit_facts, kind=OPERATOR_KIND)
        return PersonAccess(access.person)


def _make_audit_facts(disabling: Disabling) -> dict[str, object]:
    """Return the facts of an audit entry about the end of this disabling."""
    return {"by": disabling.by, "note": disabling.reason}
