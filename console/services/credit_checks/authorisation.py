"""The authorisation of this console at the provider of credit checks, by a person (OAuth 2.0, authorisation code
grant). It is needed once, and again if the provider no longer accepts the stored tokens.
"""

import hmac
import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import parse_qs, urlsplit

from console.domain.access.permissions import WORKER
from console.domain.audit.actions import AuditAction
from console.domain.error_reasons import NotAllowedReason, UsageProblem
from console.domain.errors import ConsoleError, ErrorCode, error_of_outcome
from console.domain.errors.details import NotAllowed, ProviderAnswerFacts
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.process import interrupts
from console.providers.credit_checks.tokens import (
    AuthorisationCalls,
    AuthorisedTokenStore,
    CredentialsRefused,
    TokenAnswerLost,
    TokenUnavailable,
)
from console.services.audit import refusals
from console.services.process.context import ServiceContext
from console.services.process.tolerated import log_and_suppress

_KIND = "provider"
_ABOUT = "authorisation"
_STATE_BYTES = 32
_AUTHORISATION_CODE_PATTERN = re.compile(r"[\x21-\x7e]{1,1024}")


@dataclass(frozen=True, slots=True)
class AuthorisationRequest:
    """A begun authorisation: the URL that the person opens in a browser, and the random `state` in it, which the
    redirect address must contain again.
    """

    url: str
    state: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CompletedAuthorisation:
    """A completed authorisation. `access_expires_at` (UTC) is the end of the access token, None if the provider did
    not state it. `version` counts the stored token pairs of this provider.
    """

    provider: str
    access_expires_at: datetime | None
    version: int


class ProviderAuthorisation:
    """Lets a person authorise this console: `begin` returns the URL to open, `complete` exchanges the code for the
    first token pair and stores it. On a server only the account of a worker may do this, because the worker holds
    the credentials.
    """

    def __init__(
        self, context: ServiceContext, open_calls: Callable[[], tuple[AuthorisationCalls, AuthorisedTokenStore]]
    ) -> None:
        """`open_calls` returns the provider's calls and the store of its tokens; it raises bad_profile."""
        self._context, self._open_calls = context, open_calls

    @cached_property
    def _parts(self) -> tuple[AuthorisationCalls, AuthorisedTokenStore]:
        return self._open_calls()

    def begin(self) -> AuthorisationRequest:
        """Return a new authorisation request. Sends nothing. Raises not_allowed, no_operator and bad_profile."""
        with self._audit_refusals():
            self._require_person()
        calls, _ = self._parts
        state = secrets.token_urlsafe(_STATE_BYTES)
        return AuthorisationRequest(calls.authorize_url(state), state)

    def complete(self, request: AuthorisationRequest, entered: str) -> CompletedAuthorisation:
        """Exchange the code in `entered` for a token pair, once, and store the pair. `entered` is the code, or the
        whole address to which the provider has redirected the browser.

        Raises usage (`no_code`), not_allowed (`state_differs`), provider_auth (the code or the client was refused,
        or the person declined), rate_limited, provider_answer_unusable, provider_unreachable (nothing was sent, the
        code is still valid), lease_timeout, interrupted, and outcome_unknown: then the code may be used, no pair is
        stored, and the person begins again.
        """
        with self._audit_refusals():
            self._require_person()
            calls, tokens = self._parts
            try:
                code = _read_code(entered, request.state, needs_state=calls.returns_state)
                pair = tokens.authorise(lambda: calls.exchange_code(code))
            except (CredentialsRefused, TokenUnavailable) as failure:
                error = _error_of(failure)
                self._record_failure(error, failure.reason)
                raise error from None
        return CompletedAuthorisation(CREDIT_CHECK_PROVIDER, pair.expires_at, pair.version)

    def _audit_refusals(self) -> AbstractContextManager[None]:
        return refusals.audit_refusals(self._context, AuditAction.TOKEN_AUTHORISE, CREDIT_CHECK_PROVIDER, kind=_KIND)

    def _require_person(self) -> None:
        person = self._context.person()
        if self._context.database.is_server and WORKER not in person.roles:
            facts: NotAllowed = {
                "operator": person.name,
                "reason": NotAllowedReason.WORKER_HOLDS_CREDENTIALS,
                "needs": [WORKER],
            }
            raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)
        self._context.require_right("provider_authorise")

    def _record_failure(self, error: ConsoleError, reason: str) -> None:
        """Write the audit entry about an authorisation that the provider refused or left unanswered."""
        if error.exit_status == refusals.REFUSED_EXIT_STATUS:  # `audit_refusals` writes it
            return
        with log_and_suppress("audit of an authorisation"):
            self._context.write(
                lambda tx: self._context.record_audit(
                    tx,
                    AuditAction.TOKEN_AUTHORISE,
                    CREDIT_CHECK_PROVIDER,
                    {"code": error.code},
                    kind=_KIND,
                    result="failed",
                    reason=reason[:64],
                )
            )


def _read_code(entered: str, state: str, *, needs_state: bool) -> str:
    """Return the authorisation code in the entered code or address.

    An address must contain the same state as the request, if it has any; with `needs_state` only an address is
    accepted, because a code alone does not show to whose request it belongs. Raises usage, not_allowed, and
    CredentialsRefused if the address says that the person declined.
    """
    text = entered.strip()
    fields = _read_query(text)
    if needs_state or "state" in fields:
        _require_state(fields, state)
    if fields.get("error"):
        raise CredentialsRefused("authorisation_declined")
    codes = fields.get("code", [] if fields or "://" in text else [text])
    if len(codes) != 1 or not _AUTHORISATION_CODE_PATTERN.fullmatch(codes[0]):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_CODE})
    return codes[0]


def _read_query(text: str) -> dict[str, list[str]]:
    """Return the parameters of an address; none for any other text."""
    if "://" not in text:
        return {}
    try:
        return parse_qs(urlsplit(text).query)
    except ValueError:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_CODE}) from None


def _require_state(fields: dict[str, list[str]], state: str) -> None:
    """Raise not_allowed unless the address has exactly this state. An address without any code or error is no answer
    of the provider: raise usage.
    """
    if not fields.keys() & {"code", "error"}:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_CODE})
    states = fields.get("state", [])
    if len(states) != 1 or not hmac.compare_digest(states[0].encode(), state.encode()):
        raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.STATE_DIFFERS})


def _error_of(failure: CredentialsRefused | TokenUnavailable) -> ConsoleError:
    """Return the error for a failed exchange of a code."""
    reason = failure.reason
    if reason == ErrorCode.LEASE_TIMEOUT:
        return ConsoleError(ErrorCode.LEASE_TIMEOUT)
    if reason == interrupts.INTERRUPT_REASON:
        return ConsoleError(ErrorCode.INTERRUPTED)
    facts: ProviderAnswerFacts = {"reason": reason, "about": _ABOUT}
    return error_of_outcome(_find_code(failure), facts)


def _find_code(failure: CredentialsRefused | TokenUnavailable) -> ErrorCode:
    if isinstance(failure, CredentialsRefused):
        return ErrorCode.PROVIDER_AUTH
    if isinstance(failure, TokenAnswerLost):
        return ErrorCode.OUTCOME_UNKNOWN
    if failure.reason == ErrorCode.RATE_LIMITED:
        return ErrorCode.RATE_LIMITED
    is_answered = failure.reason.startswith("http_")
    return ErrorCode.PROVIDER_ANSWER_UNUSABLE if is_answered else ErrorCode.PROVIDER_UNREACHABLE
