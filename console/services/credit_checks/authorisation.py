"""The authorisation of this console at the provider of credit checks, which a person gives (OAuth 2.0,
authorisation code grant). A person gives it once, and again if the provider no longer accepts the stored
tokens.
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
from console.domain.error_reasons import NotAllowedReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import NotAllowedDetail, ProviderAnswerFacts
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER
from console.domain.process import interrupts
from console.domain.usage_problems import UsageProblem
from console.providers.credit_checks.tokens import (
    AuthorisationCalls,
    AuthorisationTokenStore,
    CredentialsRefused,
    TokenAnswerLost,
    TokenUnavailable,
)
from console.services.audit import refusals
from console.services.process.context import ServiceContext
from console.services.process.failure_suppression import log_and_suppress

_PROVIDER_KIND = "provider"
_OAUTH_STATE_BYTES = 32
_AUTHORISATION_CODE_PATTERN = re.compile(r"[\x21-\x7e]{1,1024}")


@dataclass(frozen=True, slots=True)
class AuthorisationRequest:
    """An authorisation at the provider of credit checks that a person has started. `url` is the page that the person
    opens in a browser; `state` is a random text in the address of this page. If the provider redirects the browser
    with a state in the address, that state must be the same text.
    """

    url: str
    state: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CompletedAuthorisation:
    """A completed authorisation at the provider of credit checks. `access_expires_at` (UTC) is the end of the
    access token's validity, None if the provider did not state it. `version` is the version of the stored pair
    of access and refresh token: each new pair has the next number.
    """

    provider: str
    access_expires_at: datetime | None
    version: int


class ProviderAuthorisation:
    """Lets a person authorise this console at the provider of credit checks: `begin` returns the URL to open,
    `complete` exchanges the code for the first pair of access and refresh token and stores the pair. With a
    database server only the account of a worker may do this, because only the worker has the credentials.
    """

    def __init__(
        self, context: ServiceContext, open_calls: Callable[[], tuple[AuthorisationCalls, AuthorisationTokenStore]]
    ) -> None:
        """Store the service context and `open_calls`, which returns the provider's authorisation calls and the store
        of its tokens. `open_calls` raises bad_profile if the settings are incomplete."""
        self._context, self._open_calls = context, open_calls

    @cached_property
    def _open_calls_and_token_store(self) -> tuple[AuthorisationCalls, AuthorisationTokenStore]:
        return self._open_calls()

    def begin(self) -> AuthorisationRequest:
        """Return a new request for an authorisation, with the URL that the person must open. Sends nothing to the
        provider. Raises no_operator if no name of a person is configured; not_allowed if the acting person has no
        right to authorise the console or, on a database server, is not a worker; bad_profile if the provider's
        settings are incomplete."""
        with self._audit_refusals():
            self._require_permitted_person()
        calls, _ = self._open_calls_and_token_store
        state = secrets.token_urlsafe(_OAUTH_STATE_BYTES)
        return AuthorisationRequest(calls.make_authorize_url(state), state)

    def complete_earlier_authorisation(self) -> CompletedAuthorisation | None:
        """Store the pair of access and refresh token of an earlier authorisation, if the database could not store
        the pair then and this desk's spool still has it. Sends nothing to the provider. Return the completed
        authorisation; None if the spool has no such pair, so that the person must begin a new authorisation
        (`begin`).

        Raises no_operator, not_allowed and bad_profile as `begin` does; lease_timeout if another desk holds the
        tokens' lease for REFRESH_LEASE_WAIT_SECONDS; interrupted after a signal that ends this process; and the
        error of a database that still can't store the pair, which then stays in the spool.
        """
        with self._audit_refusals():
            self._require_permitted_person()
            _, tokens = self._open_calls_and_token_store
            try:
                pair = tokens.store_spooled_pair()
            except TokenUnavailable as failure:
                raise _make_exchange_error(failure) from None
        return None if pair is None else CompletedAuthorisation(CREDIT_CHECK_PROVIDER, pair.expires_at, pair.version)

    def complete(self, request: AuthorisationRequest, entered_text: str) -> CompletedAuthorisation:
        """Exchange the authorisation code in `entered_text` for a pair of access and refresh token, once, and store
        the pair. Return the provider, the end of the access token's validity, and the version of the pair.
        `entered_text` is the code, or the whole address to which the provider has redirected the browser.

        Raises no_operator if no name of a person is configured; not_allowed if the acting person has no right to
        authorise the console or, on a database server, is not a worker; bad_profile if the provider's settings are
        incomplete; usage (`no_code`) if `entered_text` contains no code; not_allowed (`state_differs`) if the state
        in the address differs from that of `request`; provider_auth if the provider refused the code or the OAuth
        client, or if the person declined; rate_limited or provider_answer_unusable if the provider's answer contains
        no tokens; provider_unreachable if nothing was sent (the code is still valid); lease_timeout if another desk
        holds the tokens' lease for REFRESH_LEASE_WAIT_SECONDS; interrupted if a signal arrived before the exchange;
        outcome_unknown if the answer was lost or the new pair could not be stored. After outcome_unknown the code may
        be used up. If the reason is `tokens_not_stored`, `complete_earlier_authorisation` stores the pair; otherwise
        the person must start again.
        """
        with self._audit_refusals():
            self._require_permitted_person()
            calls, tokens = self._open_calls_and_token_store
            try:
                code = _parse_authorisation_code(entered_text, request.state, needs_state=calls.returns_state)
                pair = tokens.store_first_pair(lambda: calls.exchange_code(code))
            except (CredentialsRefused, TokenUnavailable) as failure:
                error = _make_exchange_error(failure)
                self._audit_failure(error, failure.reason)
                raise error from None
        return CompletedAuthorisation(CREDIT_CHECK_PROVIDER, pair.expires_at, pair.version)

    def _audit_refusals(self) -> AbstractContextManager[None]:
        return refusals.audit_refusals(
            self._context, AuditAction.TOKEN_AUTHORISE, CREDIT_CHECK_PROVIDER, kind=_PROVIDER_KIND
        )

    def _require_permitted_person(self) -> None:
        """Raise not_allowed unless the acting person has the right to authorise the console and, on a database
        server, is a worker."""
        person = self._context.read_person()
        if self._context.database.is_server and WORKER not in person.roles:
            facts: NotAllowedDetail = {
                "operator": person.name,
                "reason": NotAllowedReason.WORKER_HOLDS_CREDENTIALS,
                "needs": [WORKER],
            }
            raise ConsoleError(ErrorCode.NOT_ALLOWED, facts)
        self._context.require_right("provider_authorise")

    def _audit_failure(self, error: ConsoleError, reason: str) -> None:
        """Write the audit entry about an authorisation that failed at the provider; `reason` is the code of the
        failure's reason. For a refusal of this program (exit status 3) write nothing, because `audit_refusals` writes
        the entry."""
        if error.exit_status == refusals.REFUSED_EXIT_STATUS:  # `audit_refusals` writes it
            return
        with log_and_suppress("audit of an authorisation"):
            self._context.write(
                lambda tx: self._context.record_audit(
                    tx,
                    AuditAction.TOKEN_AUTHORISE,
                    CREDIT_CHECK_PROVIDER,
                    {"code": error.code},
                    kind=_PROVIDER_KIND,
                    result="failed",
                    reason=reason[:64],
                )
            )


def _parse_authorisation_code(entered_text: str, state: str, *, needs_state: bool) -> str:
    """Return the authorisation code in `entered_text`, which is the code itself or the address to which the provider
    has redirected the browser.

    If the address has a parameter `state`, it must be equal to `state`. With `needs_state` only an address is
    accepted, because a code alone does not show the request to which it belongs. Raises usage if the text contains no
    code, not_allowed if the address has another state, and CredentialsRefused if the address says that the person
    declined.
    """
    text = entered_text.strip()
    query_fields = _parse_query(text)
    if needs_state or "state" in query_fields:
        _require_same_oauth_state(query_fields, state)
    if query_fields.get("error"):
        raise CredentialsRefused("authorisation_declined")
    codes = query_fields.get("code", [] if query_fields or "://" in text else [text])
    if len(codes) != 1 or not _AUTHORISATION_CODE_PATTERN.fullmatch(codes[0]):
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_CODE})
    return codes[0]


def _parse_query(text: str) -> dict[str, list[str]]:
    """Return the query parameters of the address `text`, each name with its values; empty if `text` isn't an address.
    Raises usage for a malformed address."""
    if "://" not in text:
        return {}
    try:
        return parse_qs(urlsplit(text).query)
    except ValueError:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_CODE}) from None


def _require_same_oauth_state(query_fields: dict[str, list[str]], state: str) -> None:
    """Raise not_allowed unless `query_fields`, the query parameters of the redirection's address, have exactly this
    state. Raise usage if the parameters contain neither `code` nor `error`, because the address then isn't an answer
    of the provider.
    """
    if not query_fields.keys() & {"code", "error"}:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.NO_CODE})
    states = query_fields.get("state", [])
    # `surrogatepass`: a pasted text may contain half a surrogate pair, which UTF-8 alone can't encode.
    if len(states) != 1 or not hmac.compare_digest(states[0].encode(errors="surrogatepass"), state.encode()):
        raise ConsoleError(ErrorCode.NOT_ALLOWED, {"reason": NotAllowedReason.OTHER_AUTHORISATION})


def _make_exchange_error(failure: CredentialsRefused | TokenUnavailable) -> ConsoleError:
    """Return the ConsoleError for a failed exchange of the authorisation code."""
    reason = failure.reason
    if reason == ErrorCode.LEASE_TIMEOUT:
        return ConsoleError(ErrorCode.LEASE_TIMEOUT)
    if reason == interrupts.INTERRUPT_REASON:
        return ConsoleError(ErrorCode.INTERRUPTED)
    facts: ProviderAnswerFacts = {"reason": reason, "about": "authorisation"}
    return make_outcome_error(_find_exchange_error_code(failure), facts)


def _find_exchange_error_code(failure: CredentialsRefused | TokenUnavailable) -> ErrorCode:
    if isinstance(failure, CredentialsRefused):
        return ErrorCode.PROVIDER_AUTH
    if isinstance(failure, TokenAnswerLost):
        return ErrorCode.OUTCOME_UNKNOWN
    if failure.reason == ErrorCode.RATE_LIMITED:
        return ErrorCode.RATE_LIMITED
    is_answered = failure.reason.startswith("http_")
    return ErrorCode.PROVIDER_ANSWER_UNUSABLE if is_answered else ErrorCode.PROVIDER_UNREACHABLE
