"""Tests of the exchange of tokens with AlarmBox: its answers to token requests, the first authorisation, and that no
text form shows a secret.
"""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from console.providers.alarmbox.oauth import AlarmBoxConfig
from console.providers.credit_checks.tokens import CredentialsRefused, TokenPair, TokenUnavailable
from tests.providers.parts import CLOCK, PAIR_ANSWER, make_alarmbox, make_token_pair
from tests.providers.raw_server import make_answer_script, serve_scripts

NEW_TOKENS_ANSWER = make_answer_script(200, PAIR_ANSWER)
INVALID_GRANT_ANSWER = make_answer_script(400, {"error": "invalid_grant"})


@pytest.mark.parametrize(
    ("answer", "lifetime_seconds"),
    [({"expires_in": 60}, 60), ({"expires_in": 0}, 0), ({"expires_in": None}, None), ({"expires_in": "86400"}, None),
     ({"expires_in": True}, None), ({"expires_in": -5}, None), ({"expires_in": 10**15}, None)],
)  # fmt: skip
def test_the_lifetime_of_tokens_counts_from_the_request(
    answer: dict[str, object], lifetime_seconds: int | None
) -> None:
    """The lifetime of a pair of tokens is counted from the start of our token request. If the answer has no valid
    number of seconds, the lifetime is unknown (None)."""
    with serve_scripts(make_answer_script(200, PAIR_ANSWER | answer)) as server:
        tokens = make_alarmbox(server.url).oauth_calls.exchange_refresh_token("rt-1")
    assert tokens is not None
    assert tokens.expires_at == (
        None if lifetime_seconds is None else CLOCK.now() + timedelta(seconds=lifetime_seconds)
    )


def test_an_unrotated_refresh_token_stays_valid() -> None:
    """If the answer to a refresh contains no refresh token, which OAuth allows, the old refresh token stays in
    use.
    """
    with serve_scripts(make_answer_script(200, {"access_token": "at-2", "token_type": "Bearer"})) as server:
        assert make_alarmbox(server.url).oauth_calls.exchange_refresh_token("rt-1") == TokenPair("at-2", "rt-1", None)


@pytest.mark.parametrize("answer", [(200, PAIR_ANSWER), (400, {"error": "invalid_grant"})])
def test_tokens_from_a_cache_are_refused(answer: tuple[int, dict[str, object]]) -> None:
    """An answer to a token request that a cache had stored is refused. Its tokens were already issued earlier, or its
    refusal concerns another token.
    """
    with serve_scripts(
        make_answer_script(*answer, {"Age": "60"}), make_answer_script(*answer, {"Age": "90"}), NEW_TOKENS_ANSWER
    ) as server:
        oauth = make_alarmbox(server.url).oauth_calls
        with pytest.raises(TokenUnavailable, match="old_answer"):
            oauth.exchange_refresh_token("rt-1")
        assert len(server.requests) == 2
        tokens = oauth.exchange_refresh_token("rt-1")
    assert tokens is not None
    assert tokens.access_token == "at-2"


def test_a_code_is_exchanged_for_the_first_tokens() -> None:
    """The adapter makes the address of the authorisation page. The code from this page is exchanged for the first
    tokens with one request."""
    with serve_scripts(NEW_TOKENS_ANSWER) as server:
        oauth = make_alarmbox(server.url).oauth_calls
        address = urlsplit(oauth.make_authorize_url(state="x y"))
        assert f"{address.scheme}://{address.netloc}{address.path}" == f"{server.url}/oauth/authorize"
        assert parse_qs(address.query) == {
            "client_id": ["client-1"],
            "redirect_uri": ["urn:ietf:wg:oauth:2.0:oob"],
            "response_type": ["code"],
            "scope": ["read credit_check:create"],
            "state": ["x y"],
        }
        assert oauth.exchange_code("code-1").access_token == "at-2"
        assert server.read_form(0)["grant_type"] == "authorization_code"
        assert server.read_form(0)["code"] == "code-1"


def test_a_code_is_exchanged_once_only() -> None:
    """The adapter sends an authorisation code only once: it doesn't repeat the request after an error or an
    incomplete answer. A refused code raises CredentialsRefused.
    """
    with serve_scripts(make_answer_script(500)) as server:
        with pytest.raises(TokenUnavailable):
            make_alarmbox(server.url).oauth_calls.exchange_code("code-1")
        assert len(server.requests) == 1
    with serve_scripts(make_answer_script(200, {"access_token": "at-2"})) as server, pytest.raises(TokenUnavailable):
        make_alarmbox(server.url).oauth_calls.exchange_code("code-1")
    with serve_scripts(INVALID_GRANT_ANSWER) as server, pytest.raises(CredentialsRefused):
        make_alarmbox(server.url).oauth_calls.exchange_code("code-1")


def test_text_forms_of_tokens_hide_secrets() -> None:
    """The text forms (`repr` and `str`) of tokens, configuration and errors contain no secret."""
    config = AlarmBoxConfig("https://api.alarmbox.jp", "client-1", "s3cret-of-client")
    assert "s3cret" not in repr(config)
    assert "at-1" not in repr(make_token_pair())
    assert "rt-1" not in repr(make_token_pair())
    with serve_scripts(make_answer_script(500, "s3cret-of-client")) as server:
        with pytest.raises(TokenUnavailable) as caught:
            make_alarmbox(server.url).oauth_calls.exchange_refresh_token("rt-1")
        assert "s3cret" not in repr(caught.value)
