"""Set and list the read-only switches, which stop the actions that cost or move money, and the changes by people."""

from console.domain.access.read_only import (
    EVERYTHING_SCOPE,
    LONGEST_REASON_CHARACTERS,
    SWITCH_KIND,
    ReadOnlySwitch,
)
from console.domain.annotations.person_texts import strip_invisible_characters
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER, list_provider_names
from console.domain.usage_problems import UsageProblem
from console.services.audit import refusals
from console.services.guarded.answer_serialization import CallAnswer
from console.services.guarded.request_ids import RequestIdService
from console.services.process.context import ServiceContext
from console.store.access import read_only_switches
from console.store.database.engine import Transaction


class ReadOnlySwitchService:
    """Sets the read-only switches (right `set_read_only`), and lists them for every person."""

    def __init__(self, context: ServiceContext, request_ids: RequestIdService) -> None:
        self._context, self._request_ids = context, request_ids

    def list_switches(self) -> tuple[ReadOnlySwitch, ...]:
        """Return the present setting of each read-only switch that a person has ever set, ordered by scope
        (everything, or one provider). Needs no right: every person may see the reason for which a change is
        refused."""
        with self._context.database.read() as conn:
            return read_only_switches.read_switches(conn)

    def list_scopes(self) -> tuple[str, ...]:
        """Return the names of the scopes that have a switch: EVERYTHING_SCOPE, the provider of credit checks, each
        payment provider."""
        return (EVERYTHING_SCOPE, CREDIT_CHECK_PROVIDER, *list_provider_names())

    def set_switch(self, scope: str, is_on: bool, reason: str, *, request_id: str | None = None) -> ReadOnlySwitch:
        """Set the read-only switch of `scope`, which is EVERYTHING_SCOPE or the name of a provider, to on or off
        (`is_on`), and return its setting. `reason` is the person's text, which people see while the switch is on. If
        the switch already has this value, write nothing and return the stored setting with its earlier reason. A
        switch that was never set is off; a call that sets such a switch to off writes nothing either.

        Raises not_found for an unknown scope, usage for a reason that is empty or longer than
        LONGEST_REASON_CHARACTERS, and not_allowed if the acting person has no right to set read-only switches.
        """
        arguments = (scope, is_on, reason)
        return self._request_ids.act_once(
            "read-only set",
            request_id,
            arguments,
            lambda: self._change_switch(*arguments),
            lambda _: self._find_setting_of_earlier_call(scope),
        )

    def _find_setting_of_earlier_call(self, scope: str) -> CallAnswer | None:
        """Return the setting that an earlier call with the same request id has stored, if the process of that call
        was killed before it could store its answer: the newest setting of this scope that the acting person has
        stored, even if somebody has set the switch again since. Return None if the person has stored none."""
        with self._context.database.read() as conn:
            setting = read_only_switches.find_newest_setting_of_person(
                conn, scope, self._context.make_holder().operator
            )
        return None if setting is None else CallAnswer(setting)

    def _change_switch(self, scope: str, is_on: bool, reason: str) -> ReadOnlySwitch:
        context, text = self._context, strip_invisible_characters(reason)
        with refusals.audit_refusals(context, AuditAction.READ_ONLY_SET, scope[:40], kind=SWITCH_KIND):
            person = context.require_right("set_read_only").name
            if scope not in self.list_scopes():
                raise ConsoleError(ErrorCode.NOT_FOUND, {"kind": "provider", "id": scope[:40]})
            if not 0 < len(text) <= LONGEST_REASON_CHARACTERS:
                raise ConsoleError(
                    ErrorCode.USAGE,
                    {"problem": UsageProblem.INVALID_SWITCH_REASON, "longest": LONGEST_REASON_CHARACTERS},
                )
            return context.write(
                lambda tx: self._store_switch(tx, ReadOnlySwitch(scope, is_on, text, person, context.now()))
            )

    def _store_switch(self, tx: Transaction, switch: ReadOnlySwitch) -> ReadOnlySwitch:
        present_switch = {
            stored_switch.scope: stored_switch for stored_switch in read_only_switches.read_switches(tx.conn)
        }.get(switch.scope)
        if present_switch is not None and present_switch.is_on == switch.is_on:
            return present_switch
        if present_switch is None and not switch.is_on:
            return switch
        read_only_switches.insert_switch(tx.conn, switch)
        action = AuditAction.READ_ONLY_ON if switch.is_on else AuditAction.READ_ONLY_OFF
        self._context.record_audit(tx, action, switch.scope, {"note": switch.reason}, kind=SWITCH_KIND)
        return switch
