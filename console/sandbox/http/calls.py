"""A provider call in the form in which rules and faults handle it: its name, its subject and its effect."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from console.sandbox.http.messages import HttpReply, HttpRequest, JsonObject, RequestRefused, make_error_reply

TOO_MANY_REQUESTS_REPLY = make_error_reply(429, "too many requests")


@dataclass(frozen=True, slots=True)
class ProviderCall:
    """One call to a simulated provider. The function `execute` causes the call's effect (a charge, a token rotation)
    and returns the correct answer. Until `execute` is called, the call has no effect.

    - `subject_number`: the corporation number, the merchant's payment id or the merchant's refund id that the call is
      about
    - `credit_check_id`: the id of the credit check that the call reads
    - `access_token`: the access token of the request
    - `payment`: the merchant's payment id of the payment that the call is about; None if the call is about no payment
    - `rate_limit_reply`: the provider's answer "too many requests"
    - `answer_with_code`: makes the provider's answer from a result code and the `fields` of a fault's rule; None if
      the call's answers have no result codes
    """

    provider: str
    name: str
    execute: Callable[[], HttpReply]
    subject_number: str | None = None
    credit_check_id: int | None = None
    access_token: str | None = None
    payment: str | None = None
    rate_limit_reply: HttpReply = TOO_MANY_REQUESTS_REPLY
    answer_with_code: Callable[[str, JsonObject], HttpReply] | None = None


CallHandler = Callable[[HttpRequest, re.Match[str]], ProviderCall | HttpReply]
"""Type of a function that gets a request and the match of its path, and returns the call. An HttpReply instead of the
call is sent as the answer, without a call.
"""


@dataclass(frozen=True, slots=True)
class ProviderRoute:
    """An HTTP method, a pattern that must match the whole path, and the handler of such requests."""

    method: str
    pattern: re.Pattern[str]
    handler: CallHandler


def make_route(method: str, pattern: str, handler: CallHandler) -> ProviderRoute:
    """Return the route for this HTTP method and this regular expression of the whole path."""
    return ProviderRoute(method, re.compile(pattern), handler)


class Router:
    """Finds the handler of a request in a list of routes."""

    def __init__(self, routes: Iterable[ProviderRoute]) -> None:
        self._routes = tuple(routes)

    def find_call(self, request: HttpRequest) -> ProviderCall | HttpReply:
        """Return the call that a request makes. If no route matches or the request is refused, return the error
        answer instead.
        """
        matching_routes = [
            (candidate, match) for candidate in self._routes if (match := candidate.pattern.fullmatch(request.path))
        ]
        for matching_route, match in matching_routes:
            if matching_route.method == request.method:
                try:
                    return matching_route.handler(request, match)
                except RequestRefused as refused:
                    return refused.reply
        return (
            make_error_reply(405, "method not allowed")
            if matching_routes
            else make_error_reply(404, "no such address")
        )
