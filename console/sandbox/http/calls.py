"""A provider call as rules and faults see it: its name, whom it is about, and what the provider would do."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from console.sandbox.wire import JsonObject, Refused, Reply, Request, error_reply

TOO_FAST = error_reply(429, "too many requests")


@dataclass(frozen=True, slots=True)
class Call:
    """`act` has the effect (a charge, a rotation) and returns the true answer; uncalled, nothing happens.

    `number` is whom the call is about (a corporation, a payment, a refund), `payment` the merchant's number of
    the payment that it touches. `busy` and `answer` are how this provider says "too fast" and names a code.
    """

    provider: str
    name: str
    act: Callable[[], Reply]
    number: str | None = None
    subject: int | None = None
    access: str | None = None
    payment: str | None = None
    busy: Reply = TOO_FAST
    answer: Callable[[str, JsonObject], Reply] | None = None


Handler = Callable[[Request, re.Match[str]], Call | Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a pattern that must match the whole path."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler


def route(method: str, pattern: str, handler: Handler) -> Route:
    return Route(method, re.compile(pattern), handler)


class Router:
    """Finds the handler of a request; every provider adds its routes here."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    def resolve(self, request: Request) -> Call | Reply:
        """What the request asks for; a refusal is an ordinary reply here."""
        found = [(r, match) for r in self._routes if (match := r.pattern.fullmatch(request.path))]
        for candidate, match in found:
            if candidate.method == request.method:
                try:
                    return candidate.handler(request, match)
                except Refused as refused:
                    return refused.reply
        return error_reply(405, "method not allowed") if found else error_reply(404, "no such address")
