"""Requests to AlarmBox with a valid access token. If AlarmBox answers a request with status 401, the request is
sent once more with a newer token."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from console.domain.clock import Clock
from console.domain.process import correlation as tracing
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.providers.alarmbox.oauth import AlarmBoxConfig, AlarmBoxOAuth
from console.providers.alarmbox.responses import make_evidence_text
from console.providers.credit_checks.tokens import CredentialsRefused, TokenPair, TokenStore, TokenUnavailable
from console.providers.http.answer_outcomes import AnswerConverter
from console.providers.http.rate_limiter import RateLimiter
from console.providers.http.single_request import SingleRequest, get_error_reason, make_unsent_outcome, send_once
from console.providers.http.transport import HttpTransport

T = TypeVar("T")
_log = logging.getLogger(__name__)
_REFRESH_MARGIN_BEFORE_EXPIRY = timedelta(minutes=5)


class AlarmBoxRequestSender:
    """Sends requests to AlarmBox with the stored access token. Several threads may use it at the same time."""

    def __init__(
        self,
        config: AlarmBoxConfig,
        *,
        tokens: TokenStore,
        rate_limiter: RateLimiter,
        transport: HttpTransport,
        clock: Clock,
    ) -> None:
        self.oauth = AlarmBoxOAuth(config, transport=transport, rate_limiter=rate_limiter, clock=clock)
        self._secret = config.client_secret
        self._tokens = tokens
        self._rate_limiter = rate_limiter
        self._transport = transport
        self._clock = clock

    def send(self, request: SingleRequest, convert_answer: AnswerConverter[T]) -> Outcome[T]:
        """Send the request and return its outcome, which `convert_answer` makes from the HTTP answer. A status 401
        means that AlarmBox did not execute the request: it is then sent once more with a newer token. If no newer
        token can be obtained, return the outcome of the 401, with the reason for which there is no newer token.
        Raises no `Exception`: an error becomes an outcome.
        """
        try:
            token_pair = self._get_usable_token_pair()
        except Exception as error:
            return _make_missing_token_outcome(error, has_effect=request.has_effect)
        first_outcome = self._send_with_token(request, convert_answer, token_pair)
        if first_outcome.kind is not OutcomeClass.AUTH:
            return first_outcome
        try:
            newer_pair = self._tokens.refresh_pair(self.oauth.exchange_refresh_token, outdated_pair=token_pair)
        except Exception as error:
            return replace(first_outcome, reason=get_error_reason(error))
        with tracing.add_log_facts(retries=str(tracing.get_retry_count() + 1)):
            return self._send_with_token(request, convert_answer, newer_pair)

    def _get_usable_token_pair(self) -> TokenPair:
        """Return the stored token pair; if it expires within five minutes, refresh it first. If the refresh fails,
        return the stored pair while it is valid, otherwise raise the error of the refresh.
        """
        token_pair = self._tokens.find_current_pair()
        if token_pair is not None and self._is_access_token_valid(token_pair, _REFRESH_MARGIN_BEFORE_EXPIRY):
            return token_pair
        try:
            return self._tokens.refresh_pair(self.oauth.exchange_refresh_token, outdated_pair=token_pair)
        except Exception as error:
            if token_pair is None or not self._is_access_token_valid(token_pair, timedelta()):
                raise
            _log.warning("the access token is not renewed (%s); the old one is still valid", get_error_reason(error))
            return token_pair

    def _is_access_token_valid(self, token_pair: TokenPair, margin: timedelta) -> bool:
        return token_pair.expires_at is None or token_pair.expires_at > self._clock.now() + margin

    def _send_with_token(
        self, request: SingleRequest, convert_answer: AnswerConverter[T], token_pair: TokenPair
    ) -> Outcome[T]:
        return send_once(
            self._transport,
            self._rate_limiter,
            request,
            convert_answer,
            headers=_make_request_headers(request, token_pair),
            secrets=(token_pair.access_token, token_pair.refresh_token, self._secret),
            make_cut_evidence=make_evidence_text,
        )


def _make_request_headers(request: SingleRequest, token_pair: TokenPair) -> dict[str, str]:
    common_headers = {"Authorization": f"Bearer {token_pair.access_token}", "Accept": "application/json"}
    return common_headers if request.body is None else {**common_headers, "Content-Type": "application/json"}


def _make_missing_token_outcome(error: Exception, *, has_effect: bool) -> Outcome[T]:
    """Return the outcome of a request that wasn't sent because there was no access token; `error` is the reason. The
    class is AUTH for refused credentials, and RATE_LIMITED if AlarmBox gave no token because of too many requests;
    otherwise the outcome is that of `make_unsent_outcome`. `has_effect` is True if the request would have cost money.
    """
    if isinstance(error, CredentialsRefused):
        return Outcome(OutcomeClass.AUTH, error.reason, SendingCertainty.NO)
    if isinstance(error, TokenUnavailable) and error.reason == "rate_limited":
        return Outcome(OutcomeClass.RATE_LIMITED, error.reason, SendingCertainty.NO)
    return make_unsent_outcome(get_error_reason(error), has_effect=has_effect)
