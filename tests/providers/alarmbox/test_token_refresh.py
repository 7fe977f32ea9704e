"""Tests of the refresh of AlarmBox's tokens. The adapter refreshes them before they expire and once after a 401,
stores new tokens before it uses them, and works with tokens that another process has stored."""

import threading
from datetime import timedelta

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.provider_outcome import OutcomeClass, SendingCertainty
from console.providers.credit_checks.tokens import TokenExchange, TokenPair
from tests.providers.parts import (
    CLOCK,
    PAIR_ANSWER,
    PURCHASE_REQUEST,
    PURCHASED_ANSWER,
    CountingRateLimiter,
    MemoryTokens,
    make_alarmbox,
    make_token_pair,
)
from tests.providers.raw_server import (
    Script,
    make_answer_script,
    make_bytes_script,
    make_hang_script,
    make_reset_script,
    serve_scripts,
)
from tests.support.waiting import MAX_WAIT_SECONDS

PURCHASE_REQUEST_LINE = "POST /ps/v1/credit_checks"
TOKEN_REQUEST_LINE = "POST /oauth/token"
PURCHASED_SCRIPT = make_answer_script(200, PURCHASED_ANSWER)
NEW_TOKENS_ANSWER = make_answer_script(200, PAIR_ANSWER)
UNAUTHORISED_ANSWER = make_answer_script(401, {"error": "invalid_token"})
INVALID_GRANT_ANSWER = make_answer_script(400, {"error": "invalid_grant"})
TIME_UNTIL_EXPIRY = timedelta(minutes=4)


def test_a_pair_of_tokens_with_time_left_is_used_without_a_refresh() -> None:
    """The adapter uses a pair of tokens that is valid for more than five minutes without a refresh."""
    with serve_scripts(PURCHASED_SCRIPT) as server:
        assert (
            make_alarmbox(server.url, tokens=MemoryTokens(make_token_pair(lifetime=timedelta(minutes=6))))
            .buy_check(PURCHASE_REQUEST)
            .content
        )
        assert server.list_paths() == [PURCHASE_REQUEST_LINE]
        assert server.get_header(0, "authorization") == "Bearer at-1"


def test_a_pair_without_a_known_end_is_used_until_a_401() -> None:
    """A pair of tokens whose lifetime AlarmBox hasn't stated is used until AlarmBox answers 401."""
    with serve_scripts(PURCHASED_SCRIPT) as server:
        assert (
            make_alarmbox(server.url, tokens=MemoryTokens(make_token_pair(lifetime=None)))
            .buy_check(PURCHASE_REQUEST)
            .content
        )
        assert server.list_paths() == [PURCHASE_REQUEST_LINE]


def test_a_pair_of_tokens_near_its_end_is_renewed_and_stored_first() -> None:
    """If the tokens expire in less than five minutes, the adapter gets new tokens, stores them and then uses them.
    The refresh and the call each wait for the rate limiter.
    """
    tokens, turns = MemoryTokens(make_token_pair(lifetime=TIME_UNTIL_EXPIRY)), CountingRateLimiter()
    with serve_scripts(NEW_TOKENS_ANSWER, PURCHASED_SCRIPT) as server:
        assert make_alarmbox(server.url, tokens=tokens, rate_limiter=turns).buy_check(PURCHASE_REQUEST).content
        assert server.list_paths() == [TOKEN_REQUEST_LINE, PURCHASE_REQUEST_LINE]
        assert server.read_form(0) == {
            "grant_type": "refresh_token",
            "refresh_token": "rt-1",
            "client_id": "client-1",
            "client_secret": "s3cret-of-client",
            "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
        }
        assert server.get_header(0, "content-type") == "application/x-www-form-urlencoded"
        assert server.get_header(0, "authorization") is None
        assert server.get_header(1, "authorization") == "Bearer at-2"
    assert tokens.log == ["exchange rt-1", "stored at-2"]
    assert tokens.pair == TokenPair("at-2", "rt-2", CLOCK.now() + timedelta(days=1))
    assert turns.taken == 2


def test_a_401_leads_to_one_refresh_and_one_retry() -> None:
    """After a 401 for a revoked token, the adapter refreshes the tokens once and sends the purchase once more,
    because a 401 means that nothing was bought."""
    tokens = MemoryTokens(make_token_pair())
    with serve_scripts(UNAUTHORISED_ANSWER, NEW_TOKENS_ANSWER, PURCHASED_SCRIPT) as server:
        assert make_alarmbox(server.url, tokens=tokens).buy_check(PURCHASE_REQUEST).kind is OutcomeClass.SUCCEEDED
        assert server.list_paths() == [PURCHASE_REQUEST_LINE, TOKEN_REQUEST_LINE, PURCHASE_REQUEST_LINE]
    assert tokens.log == ["exchange rt-1", "stored at-2"]


def test_a_second_401_ends_the_call_as_auth() -> None:
    """If AlarmBox answers 401 again to the new token, the outcome is AUTH and the adapter sends no third request."""
    with serve_scripts(UNAUTHORISED_ANSWER, NEW_TOKENS_ANSWER, UNAUTHORISED_ANSWER) as server:
        outcome = make_alarmbox(server.url).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason, outcome.sent) == (OutcomeClass.AUTH, "http_401", SendingCertainty.YES)
        assert server.list_paths() == [PURCHASE_REQUEST_LINE, TOKEN_REQUEST_LINE, PURCHASE_REQUEST_LINE]


@pytest.mark.parametrize(
    "second_answer",
    [make_answer_script(500), make_reset_script(), make_bytes_script(b""), make_answer_script(200, b"{")],
)
def test_a_second_try_without_an_answer_after_a_401_is_unknown(second_answer: Script) -> None:
    """If the purchase is sent again after a 401 and gets no answer, the outcome is UNKNOWN, because the second
    request may have bought the credit check.
    """
    with serve_scripts(UNAUTHORISED_ANSWER, NEW_TOKENS_ANSWER, second_answer) as server:
        assert make_alarmbox(server.url).buy_check(PURCHASE_REQUEST).kind is OutcomeClass.UNKNOWN
        assert server.list_paths() == [PURCHASE_REQUEST_LINE, TOKEN_REQUEST_LINE, PURCHASE_REQUEST_LINE]


def test_a_read_refreshes_the_tokens() -> None:
    """After a 401 to a read, the adapter refreshes the tokens and sends the read again."""
    with serve_scripts(UNAUTHORISED_ANSWER, NEW_TOKENS_ANSWER, PURCHASED_SCRIPT) as server:
        assert make_alarmbox(server.url).read_detail(12345).kind is OutcomeClass.SUCCEEDED


def test_a_pair_refreshed_by_another_process_is_used() -> None:
    """If another process has stored newer tokens in the meantime, the adapter uses them without a refresh."""

    class TokensRefreshedByOtherProcess(MemoryTokens):
        def refresh_pair(self, exchange: TokenExchange, *, outdated_pair: TokenPair | None) -> TokenPair:
            self.pair = make_token_pair(serial=7)
            return super().refresh_pair(exchange, outdated_pair=outdated_pair)

    with serve_scripts(UNAUTHORISED_ANSWER, PURCHASED_SCRIPT) as server:
        assert (
            make_alarmbox(server.url, tokens=TokensRefreshedByOtherProcess(make_token_pair()))
            .buy_check(PURCHASE_REQUEST)
            .content
        )
        assert server.list_paths() == [PURCHASE_REQUEST_LINE, PURCHASE_REQUEST_LINE]
        assert server.get_header(1, "authorization") == "Bearer at-7"


def test_a_refresh_token_used_by_another_process_is_no_error() -> None:
    """If AlarmBox refuses the refresh token because another process has used it, the adapter reads the stored tokens
    again and uses them.
    """
    tokens = MemoryTokens(make_token_pair())

    def replace_pair_and_refuse(connection: object, test_ended: threading.Event) -> None:
        tokens.pair = make_token_pair(serial=7)
        INVALID_GRANT_ANSWER(connection, test_ended)  # type: ignore[arg-type]  # handed through as it came

    with serve_scripts(UNAUTHORISED_ANSWER, replace_pair_and_refuse, PURCHASED_SCRIPT) as server:
        assert make_alarmbox(server.url, tokens=tokens).buy_check(PURCHASE_REQUEST).content
        assert server.list_paths() == [PURCHASE_REQUEST_LINE, TOKEN_REQUEST_LINE, PURCHASE_REQUEST_LINE]
        assert server.get_header(2, "authorization") == "Bearer at-7"


def test_invalid_grant_requires_a_new_authorisation() -> None:
    """If AlarmBox refuses the refresh token and no newer tokens are stored, the outcome is AUTH: nothing was bought,
    and a person must authorise the program again."""
    with serve_scripts(UNAUTHORISED_ANSWER, INVALID_GRANT_ANSWER) as server:
        outcome = make_alarmbox(server.url).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason, outcome.sent) == (
            OutcomeClass.AUTH,
            "authorise_again",
            SendingCertainty.YES,
        )
    with serve_scripts(INVALID_GRANT_ANSWER) as server:
        expired = MemoryTokens(make_token_pair(lifetime=timedelta(0)))
        outcome = make_alarmbox(server.url, tokens=expired).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason, outcome.sent) == (
            OutcomeClass.AUTH,
            "authorise_again",
            SendingCertainty.NO,
        )
        assert server.list_paths() == [TOKEN_REQUEST_LINE]


def test_a_call_without_an_authorisation_is_auth_and_unsent() -> None:
    """Before the first authorisation the outcome of a call is AUTH, and the adapter sends nothing."""
    with serve_scripts(PURCHASED_SCRIPT) as server:
        outcome = make_alarmbox(server.url, tokens=MemoryTokens(None)).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason, outcome.sent) == (
            OutcomeClass.AUTH,
            "authorise_again",
            SendingCertainty.NO,
        )
        assert server.connections == 0


LOST_ANSWERS = {
    "closed": make_bytes_script(b""),
    "reset": make_reset_script(),
    "cut": make_bytes_script(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
    "HTML": make_answer_script(200, "<html>"),
    "500": make_answer_script(500),
    "redirect": make_answer_script(302, b"", {"Location": "/x"}),
    "no access token": make_answer_script(200, {"refresh_token": "rt-2"}),
    "a line end in the token": make_answer_script(200, PAIR_ANSWER | {"access_token": "at\r\nX: y"}),
    "a token that is a number": make_answer_script(200, PAIR_ANSWER | {"access_token": 5}),
    "token twice": make_answer_script(200, b'{"access_token":"a","access_token":"b","refresh_token":"c"}'),
}


@pytest.mark.parametrize("lost_answer", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_a_refresh_without_an_answer_is_repeated_once(lost_answer: Script) -> None:
    """If a refresh gets no answer, the adapter sends it once more with the same refresh token, which may still be
    valid.
    """
    tokens = MemoryTokens(make_token_pair(lifetime=timedelta(0)))
    with serve_scripts(lost_answer, NEW_TOKENS_ANSWER, PURCHASED_SCRIPT) as server:
        assert make_alarmbox(server.url, tokens=tokens).buy_check(PURCHASE_REQUEST).content
        assert server.list_paths() == [TOKEN_REQUEST_LINE, TOKEN_REQUEST_LINE, PURCHASE_REQUEST_LINE]
        assert [server.read_form(i)["refresh_token"] for i in (0, 1)] == ["rt-1", "rt-1"]


@pytest.mark.parametrize("lost_answer", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_a_refresh_without_any_answer_leaves_the_purchase_unsent(lost_answer: Script) -> None:
    """If the refresh gets no answer twice and no valid token is stored, the adapter doesn't send the purchase."""
    tokens = MemoryTokens(make_token_pair(lifetime=timedelta(0)))
    with serve_scripts(lost_answer) as server:
        outcome = make_alarmbox(server.url, tokens=tokens).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.sent) == (OutcomeClass.FAILED_DEFINITE, SendingCertainty.NO)
        assert server.list_paths() == [TOKEN_REQUEST_LINE, TOKEN_REQUEST_LINE]
    assert tokens.pair == make_token_pair(lifetime=timedelta(0))


def test_a_used_up_token_after_a_lost_answer_means_authorise_again() -> None:
    """The answer with the only new tokens is lost, and AlarmBox then refuses the old refresh token: the outcome is
    AUTH.
    """
    with serve_scripts(make_bytes_script(b""), INVALID_GRANT_ANSWER) as server:
        outcome = make_alarmbox(server.url, tokens=MemoryTokens(make_token_pair(lifetime=timedelta(0)))).buy_check(
            PURCHASE_REQUEST
        )
        assert (outcome.kind, outcome.reason) == (OutcomeClass.AUTH, "authorise_again")
        assert server.list_paths() == [TOKEN_REQUEST_LINE, TOKEN_REQUEST_LINE]


@pytest.mark.expects_log("a token that could not be renewed is told while the old one still works")
@pytest.mark.parametrize(
    ("refusal", "refresh_count"),
    [(make_answer_script(500), 2), (INVALID_GRANT_ANSWER, 1), (make_answer_script(429), 1), (make_hang_script(), 2)],
)
def test_the_old_access_token_is_used_if_its_refresh_fails(refusal: Script, refresh_count: int) -> None:
    """If a refresh fails while the old access token is still valid, the adapter sends the call with the old access
    token.
    """
    scripts = [refusal] * refresh_count
    with serve_scripts(*scripts, PURCHASED_SCRIPT) as server:
        adapter = make_alarmbox(
            server.url, tokens=MemoryTokens(make_token_pair(lifetime=TIME_UNTIL_EXPIRY)), scale=100
        )
        assert adapter.buy_check(PURCHASE_REQUEST).content
        assert server.list_paths() == [TOKEN_REQUEST_LINE] * refresh_count + [PURCHASE_REQUEST_LINE]
        assert server.get_header(refresh_count, "authorization") == "Bearer at-1"


REFRESH_REFUSALS = {
    "client": (make_answer_script(401, {"error": "invalid_client"}), OutcomeClass.AUTH, "client_refused"),
    "grant type": (make_answer_script(400, {"error": "unsupported_grant_type"}), OutcomeClass.AUTH, "client_refused"),
    "speed": (make_answer_script(429), OutcomeClass.RATE_LIMITED, "rate_limited"),
    "a page": (make_answer_script(403, "<html>"), OutcomeClass.FAILED_DEFINITE, "http_403"),
    "no such page": (make_answer_script(404, {"message": "x"}), OutcomeClass.FAILED_DEFINITE, "http_404"),
}


@pytest.mark.parametrize(("script", "kind", "reason"), REFRESH_REFUSALS.values(), ids=REFRESH_REFUSALS)
def test_a_refused_refresh_is_not_repeated(script: Script, kind: OutcomeClass, reason: str) -> None:
    """A refresh that AlarmBox refuses for a reason other than the token isn't repeated. Nothing is bought, and the
    outcome's reason names the cause.
    """
    with serve_scripts(script) as server:
        outcome = make_alarmbox(server.url, tokens=MemoryTokens(make_token_pair(lifetime=timedelta(0)))).buy_check(
            PURCHASE_REQUEST
        )
        assert (outcome.kind, outcome.reason, outcome.sent) == (kind, reason, SendingCertainty.NO)
        assert server.list_paths() == [TOKEN_REQUEST_LINE]


@pytest.mark.parametrize(("script", "kind", "reason"), REFRESH_REFUSALS.values(), ids=REFRESH_REFUSALS)
def test_a_failed_refresh_after_a_401_is_auth(script: Script, kind: OutcomeClass, reason: str) -> None:
    """If the refresh after a 401 fails in any way, the outcome is AUTH; the 401 means that nothing was bought."""
    with serve_scripts(UNAUTHORISED_ANSWER, script) as server:
        outcome = make_alarmbox(server.url).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason, outcome.sent) == (OutcomeClass.AUTH, reason, SendingCertainty.YES)


class BrokenTokenStore(MemoryTokens):
    """A token store that raises an error when the adapter reads or refreshes the tokens."""

    def __init__(self, *, reading: Exception | None = None, refreshing: Exception | None = None) -> None:
        super().__init__(make_token_pair())
        self._reading, self._refreshing = reading, refreshing

    def find_current_pair(self) -> TokenPair | None:
        if self._reading:
            raise self._reading
        return super().find_current_pair()

    def refresh_pair(self, exchange: TokenExchange, *, outdated_pair: TokenPair | None) -> TokenPair:
        if self._refreshing:
            raise self._refreshing
        return super().refresh_pair(exchange, outdated_pair=outdated_pair)


@pytest.mark.expects_log("a failing token store is a bug, which the log must name")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConsoleError(ErrorCode.DATABASE_LOCKED), "database_locked"),
        (KeyError("x"), "internal_error"),
        (MemoryError(), "internal_error"),
    ],
)
def test_a_failing_token_store_raises_nothing(error: Exception, reason: str) -> None:
    """If the token store fails before the call is sent, the outcome is "never sent"; if it fails after a 401, the
    outcome is AUTH. The adapter raises no exception."""
    with serve_scripts(PURCHASED_SCRIPT) as server:
        outcome = make_alarmbox(server.url, tokens=BrokenTokenStore(reading=error)).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason, outcome.sent) == (
            OutcomeClass.FAILED_DEFINITE,
            reason,
            SendingCertainty.NO,
        )
        assert server.connections == 0
    with serve_scripts(UNAUTHORISED_ANSWER) as server:
        outcome = make_alarmbox(server.url, tokens=BrokenTokenStore(refreshing=error)).buy_check(PURCHASE_REQUEST)
        assert (outcome.kind, outcome.reason, outcome.sent) == (OutcomeClass.AUTH, reason, SendingCertainty.YES)
        assert len(server.requests) == 1


def test_simultaneous_calls_refresh_the_tokens_once() -> None:
    """Two calls that get a 401 at the same time lead to one refresh, and each call then gets its answer."""
    tokens = MemoryTokens(make_token_pair())
    gate = threading.Barrier(2, timeout=MAX_WAIT_SECONDS)

    def wait_and_refuse(connection: object, test_ended: threading.Event) -> None:
        gate.wait()
        UNAUTHORISED_ANSWER(connection, test_ended)  # type: ignore[arg-type]  # handed through as it came

    with serve_scripts(wait_and_refuse, wait_and_refuse, NEW_TOKENS_ANSWER, PURCHASED_SCRIPT) as server:
        adapter = make_alarmbox(server.url, tokens=tokens)
        reports: list[object] = []
        threads = [
            threading.Thread(target=lambda: reports.append(adapter.read_detail(12345).content)) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.list_paths().count(TOKEN_REQUEST_LINE) == 1
    assert all(reports)
    assert len(reports) == 2
