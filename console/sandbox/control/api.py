"""The control API under `/_sandbox/`, in JSON. It returns the ledgers and the state of the sandbox, and sets
faults.
"""

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from console.sandbox.alarmbox.api import SimulatedAlarmBox, make_credit_check_fields
from console.sandbox.control.notice_sender import NoticeSender
from console.sandbox.control.payments import PaymentControl
from console.sandbox.environment.clock import format_instant
from console.sandbox.faults.sandbox_state import SandboxState
from console.sandbox.http.calls import CallHandler, ProviderCall, ProviderRoute, make_route
from console.sandbox.http.messages import HttpReply, HttpRequest, make_error_reply, make_json_reply
from console.sandbox.registry.rows import RegistryRow
from console.sandbox.rules.fault_rules import InvalidFaultRule, read_fault_rule
from console.sandbox.rules.fault_table import FAULT_BY_NAME

CONTROL_PATH_PREFIX = "/_sandbox/"
MAX_WAIT_SECONDS = 600.0
OutageStarter = Callable[[float | None], None]
"""Type of a function that begins an outage of the given number of seconds, or with None ends the outage."""


class ControlApi:
    """The endpoints of one sandbox's control API. The function `set_outage` begins an outage that lasts the given
    number of seconds; called with None, it ends the outage."""

    def __init__(
        self,
        state: SandboxState,
        alarmbox: SimulatedAlarmBox,
        payments: PaymentControl,
        notice_sender: NoticeSender,
        set_outage: OutageStarter,
    ) -> None:
        self._state = state
        self._alarmbox = alarmbox
        self._payments = payments
        self._notice_sender = notice_sender
        self._set_outage = set_outage

    def list_routes(self) -> tuple[ProviderRoute, ...]:
        """Return the HTTP routes of the control API."""
        table: dict[tuple[str, str], Callable[[HttpRequest], HttpReply]] = {
            ("GET", "state"): self._read_state,
            ("GET", "ledger"): self._read_ledger,
            ("GET", "requests"): self._read_requests,
            ("GET", "catalogue"): self._read_fault_catalogue,
            ("GET", "faults"): lambda _: make_json_reply({"rules": self._state.fault_rules.export_json()}),
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "reset"): self._reset_state,
            ("POST", "config"): self._change_settings,
            ("POST", "release"): self._release_calls,
            ("POST", "checks"): self._register_checks,
            ("POST", "tokens/revoke"): lambda _: make_json_reply({"revoked": self._state.tokens.revoke_all_tokens()}),
            ("POST", "tokens/expire"): lambda _: make_json_reply(
                {"expired": self._state.tokens.expire_access_tokens()}
            ),
            ("POST", "outage"): self._begin_outage,
            ("DELETE", "outage"): self._end_outage,
            ("GET", "wait"): self._wait_until_reached,
            ("POST", "registry/whole"): self._publish_whole_registry,
            ("POST", "registry/differences"): self._publish_difference,
            **self._payments.map_endpoints(),
        }
        return tuple(
            make_route(method, CONTROL_PATH_PREFIX + path, _answer_invalid_requests_with_400(act))
            for (method, path), act in table.items()
        )

    # -- reading

    def _read_state(self, _: HttpRequest) -> HttpReply:
        state = self._state
        return make_json_reply(
            {
                "now": format_instant(state.clock.now()),
                "today": state.clock.today().isoformat(),
                "settings": asdict(state.settings),
                "tokens": state.tokens.export_json(),
                "charges": state.ledger.charge_count,
                "calls": state.call_log.count_calls_by_name(),
                "rules": state.fault_rules.export_json(),
                "held": state.held_calls.export_json(),
            }
        )

    def _read_ledger(self, request: HttpRequest) -> HttpReply:
        return make_json_reply(self._state.ledger.export_json(request.query.get("number")))

    def _read_requests(self, request: HttpRequest) -> HttpReply:
        query = request.query
        entries = self._state.call_log.export_json(
            query.get("call"), query.get("number"), int(query.get("after", "0"))
        )
        return make_json_reply({"requests": entries})

    def _read_fault_catalogue(self, _: HttpRequest) -> HttpReply:
        rows = [
            {
                "name": kind.name,
                "sees": kind.answer_description,
                "effect": kind.effect,
                "calls": sorted(kind.calls),
                "argument": kind.argument_rule,
                "options": list(kind.option_names),
            }
            for kind in FAULT_BY_NAME.values()
        ]
        return make_json_reply({"faults": rows})

    def _wait_until_reached(self, request: HttpRequest) -> HttpReply:
        """Wait until the counts of held calls, charges, requests, refunds and notices are at least the numbers in
        the request; the reply states if they were reached in time. The query can restrict held calls and requests by
        `call`, and held calls and charges by `number`.
        """
        query, state = request.query, self._state
        call, number = query.get("call"), query.get("number")
        count_names = ("held", "charges", "requests", "refunds", "notices")
        least_held_calls, least_charges, least_requests, least_refunds, least_notices = (
            int(query.get(name, "0")) for name in count_names
        )

        def have_all_counts_been_reached() -> bool:
            charge_count = state.ledger.count_charges_of_number(number) if number else state.ledger.charge_count
            return (
                state.held_calls.count_held_calls(call, number) >= least_held_calls
                and charge_count >= least_charges
                and state.call_log.count_calls(call) >= least_requests
                and state.payment_ledger.refund_count >= least_refunds
                and state.notices_ended >= least_notices
            )

        seconds = min(float(query.get("timeout", "10")), MAX_WAIT_SECONDS)
        return make_json_reply({"reached": state.held_calls.wait_until(have_all_counts_been_reached, seconds)})

    # -- acting

    def _add_faults(self, request: HttpRequest) -> HttpReply:
        body = request.read_json()
        rules = [read_fault_rule(rule) for rule in body.get("rules", [body])]
        return make_json_reply({"ids": [self._state.fault_rules.add_rule(rule) for rule in rules]}, 201)

    def _clear_faults(self, request: HttpRequest) -> HttpReply:
        rule_id = request.query.get("id")
        return make_json_reply({"cleared": self._state.fault_rules.remove_rules(int(rule_id) if rule_id else None)})

    def _reset_state(self, request: HttpRequest) -> HttpReply:
        self._state.reset(must_keep_tokens=bool(request.read_json().get("keep_tokens")))
        self._alarmbox.reset()
        self._notice_sender.reset()
        return make_json_reply({"reset": True})

    def _change_settings(self, request: HttpRequest) -> HttpReply:
        for name, value in request.read_json().items():
            self._change_setting(name, value)
        return self._read_state(request)

    def _change_setting(self, name: str, value: Any) -> None:
        """Change one setting of the sandbox: its clock, its day, registered credentials, or a field of
        SandboxSettings. Raises `ValueError`, which is answered with 400, for an unknown name or a wrong value."""
        state = self._state
        match name:
            case "now":
                state.clock.set_time(datetime.fromisoformat(value) if value else None)
            case "today":
                state.clock.set_today(date.fromisoformat(value) if value else None)
            case "advance_seconds":
                state.clock.advance(float(value))
            case "credentials":
                state.tokens.register_client(**value)
            case "paypay":
                state.paypay_keys.register_key(**value)
            case "atom":
                state.atom_merchants.register_merchant(**value)
            case _:
                state.settings.change_setting(name, value)

    def _release_calls(self, request: HttpRequest) -> HttpReply:
        body = request.read_json()
        return make_json_reply(
            {"released": self._state.held_calls.release_calls(body.get("call"), body.get("number"))}
        )

    def _register_checks(self, request: HttpRequest) -> HttpReply:
        checks = [self._alarmbox.register_check(fields) for fields in request.read_json()["checks"]]
        return make_json_reply({"credit_checks": [make_credit_check_fields(check) for check in checks]}, 201)

    def _publish_whole_registry(self, request: HttpRequest) -> HttpReply:
        body = request.read_json()
        first_rows = [RegistryRow(**row) for row in body.get("planted", [])]
        day = date.fromisoformat(body["day"])
        self._state.registry.publish_whole(int(body["rows"]), int(body["seed"]), day, first_rows)
        return make_json_reply({"published": day.isoformat()}, 201)

    def _publish_difference(self, request: HttpRequest) -> HttpReply:
        body = request.read_json()
        changes = [RegistryRow(**row) for row in body.get("changes", [])]
        rows = self._state.registry.publish_difference(date.fromisoformat(body["day"]), int(body["rows"]), changes)
        return make_json_reply({"rows": rows}, 201)

    def _begin_outage(self, request: HttpRequest) -> HttpReply:
        seconds = float(request.read_json()["seconds"])
        self._set_outage(seconds)
        return make_json_reply({"refusing_connections_for_seconds": seconds})

    def _end_outage(self, _: HttpRequest) -> HttpReply:
        self._set_outage(None)
        return make_json_reply({"accepting_connections": True})


def _answer_invalid_requests_with_400(handle_request: Callable[[HttpRequest], HttpReply]) -> CallHandler:
    """Return a handler that calls `handle_request` and returns its reply. If `handle_request` raises an exception
    that means an invalid request (such as ValueError), the handler replies with status 400, and with the type and the
    text of the exception as the message.
    """

    def handle_or_refuse(request: HttpRequest, _: re.Match[str]) -> ProviderCall | HttpReply:
        try:
            return handle_request(request)
        except (InvalidFaultRule, ValueError, KeyError, TypeError) as reason:
            return make_error_reply(400, f"{type(reason).__name__}: {reason}")

    return handle_or_refuse
