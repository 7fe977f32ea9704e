"""The control room under `/_sandbox/`, JSON in and out: the truth is read and faults are switched there."""

import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from console.sandbox.alarmbox import AlarmBox, purchase_answer
from console.sandbox.calls import Call, Handler, Route, route
from console.sandbox.clock import instant_text
from console.sandbox.fault_table import FAULTS
from console.sandbox.payment_control import PaymentControl
from console.sandbox.payment_notices import PostOffice
from console.sandbox.rules import BadRule, read_rule
from console.sandbox.wire import Reply, Request, error_reply, json_reply
from console.sandbox.world import World

PREFIX = "/_sandbox/"
LONGEST_WAIT_SECONDS = 60.0
Outage = Callable[[float | None], None]


class Control:
    """Answers about, and acts upon, one sandbox."""

    def __init__(
        self, world: World, alarmbox: AlarmBox, payments: PaymentControl, post: PostOffice, outage: Outage
    ) -> None:
        self._world = world
        self._alarmbox = alarmbox
        self._payments = payments
        self._post = post
        self._outage = outage

    def routes(self) -> tuple[Route, ...]:
        table: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("GET", "state"): self._state,
            ("GET", "ledger"): self._ledger,
            ("GET", "requests"): self._requests,
            ("GET", "catalogue"): self._catalogue,
            ("GET", "faults"): lambda _: json_reply({"rules": self._world.rules.as_json()}),
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "reset"): self._reset,
            ("POST", "config"): self._configure,
            ("POST", "release"): self._release,
            ("POST", "checks"): self._know,
            ("POST", "tokens/revoke"): lambda _: json_reply({"revoked": self._world.tokens.revoke()}),
            ("POST", "tokens/expire"): lambda _: json_reply({"expired": self._world.tokens.expire()}),
            ("POST", "outage"): self._begin_outage,
            ("DELETE", "outage"): self._end_outage,
            ("GET", "wait"): self._wait,
            **self._payments.table(),
        }
        return tuple(route(method, PREFIX + path, _guarded(act)) for (method, path), act in table.items())

    # Reading

    def _state(self, _: Request) -> Reply:
        world = self._world
        return json_reply({
            "now": instant_text(world.clock.now()),
            "today": world.clock.today().isoformat(),
            "settings": asdict(world.settings),
            "tokens": world.tokens.as_json(),
            "charges": world.ledger.total,
            "calls": world.log.counts(),
            "rules": world.rules.as_json(),
            "held": world.holds.as_json(),
        })  # fmt: skip

    def _ledger(self, request: Request) -> Reply:
        return json_reply(self._world.ledger.as_json(request.query.get("number")))

    def _requests(self, request: Request) -> Reply:
        asked = request.query
        entries = self._world.log.as_json(asked.get("call"), asked.get("number"), int(asked.get("after", "0")))
        return json_reply({"requests": entries})

    def _catalogue(self, _: Request) -> Reply:
        rows = [
            {"name": kind.name, "sees": kind.sees, "effect": kind.effect, "calls": sorted(kind.calls),
             "argument": kind.argument, "options": list(kind.options)}
            for kind in FAULTS.values()
        ]  # fmt: skip
        return json_reply({"faults": rows})

    def _wait(self, request: Request) -> Reply:
        """Wait until so many calls are held, charges made, refunds accepted, … (of `call`, of `number`)."""
        asked, world = request.query, self._world
        call, number = asked.get("call"), asked.get("number")
        names = ("held", "charges", "requests", "refunds", "notices")
        held, charges, requests, refunds, notices = (int(asked.get(name, "0")) for name in names)

        def reached() -> bool:
            made = world.ledger.count(number) if number else world.ledger.total
            return (
                world.holds.held(call, number) >= held
                and made >= charges
                and world.log.count(call) >= requests
                and world.payments.refund_count >= refunds
                and world.notices_ended >= notices
            )

        seconds = min(float(asked.get("timeout", "10")), LONGEST_WAIT_SECONDS)
        return json_reply({"reached": world.holds.wait_until(reached, seconds)})

    # Acting

    def _add_faults(self, request: Request) -> Reply:
        wanted = request.json()
        rules = [read_rule(rule) for rule in wanted.get("rules", [wanted])]
        return json_reply({"ids": [self._world.rules.add(rule) for rule in rules]}, 201)

    def _clear_faults(self, request: Request) -> Reply:
        one = request.query.get("id")
        return json_reply({"cleared": self._world.rules.clear(int(one) if one else None)})

    def _reset(self, request: Request) -> Reply:
        self._world.reset(keep_tokens=bool(request.json().get("keep_tokens")))
        self._alarmbox.reset()
        self._post.reset()
        return json_reply({"reset": True})

    def _configure(self, request: Request) -> Reply:
        for name, value in request.json().items():
            self._set(name, value)
        return self._state(request)

    def _set(self, name: str, value: Any) -> None:
        world = self._world
        match name:
            case "now":
                world.clock.set(datetime.fromisoformat(value) if value else None)
            case "today":
                world.clock.fix_today(date.fromisoformat(value) if value else None)
            case "advance_seconds":
                world.clock.advance(float(value))
            case "credentials":
                world.tokens.accept(**value)
            case "paypay":
                world.paypay_door.accept(**value)
            case "atom":
                world.atom_door.accept(**value)
            case _:
                world.settings.change(name, value)

    def _release(self, request: Request) -> Reply:
        wanted = request.json()
        return json_reply({"released": self._world.holds.release(wanted.get("call"), wanted.get("number"))})

    def _know(self, request: Request) -> Reply:
        known = [self._alarmbox.know(given) for given in request.json()["checks"]]
        return json_reply({"credit_checks": [purchase_answer(check) for check in known]}, 201)

    def _begin_outage(self, request: Request) -> Reply:
        seconds = float(request.json()["seconds"])
        self._outage(seconds)
        return json_reply({"refusing_connections_for_seconds": seconds})

    def _end_outage(self, _: Request) -> Reply:
        self._outage(None)
        return json_reply({"accepting_connections": True})


def _guarded(act: Callable[[Request], Reply]) -> Handler:
    """What is not understood is answered 400 with the reason."""

    def handler(request: Request, _: re.Match[str]) -> Call | Reply:
        try:
            return act(request)
        except (BadRule, ValueError, KeyError, TypeError) as reason:
            return error_reply(400, f"{type(reason).__name__}: {reason}")

    return handler
