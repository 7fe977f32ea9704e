"""Tests of OAuth at the simulated AlarmBox: how tokens rotate, expire and are revoked, and which requests it
refuses.
"""

import pytest

from console.sandbox import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Sandbox, SandboxControl
from console.sandbox.environment.credentials import OUT_OF_BAND_REDIRECT_URI
from tests.sandbox.caller import Caller


@pytest.fixture
def caller_without_token(sandbox: Sandbox) -> Caller:
    """Return a caller without an access token."""
    return Caller(sandbox)


def test_a_token_answer_has_the_documented_fields(caller_without_token: Caller) -> None:
    """The answer to a token refresh has the documented fields."""
    answer = caller_without_token.request_token().data
    assert set(answer) == {
        "access_token",
        "token_type",
        "expires_in",
        "refresh_token",
        "scope",
        "created_at",
    }
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 86400)
    assert "credit_check:create" in answer["scope"].split()


def test_refresh_token_rotates(caller_without_token: Caller) -> None:
    """Each refresh returns a new refresh token, which the next refresh accepts."""
    first = caller_without_token.request_token().data
    second = caller_without_token.request_token(first["refresh_token"]).data
    assert len({REFRESH_TOKEN, first["refresh_token"], second["refresh_token"]}) == 3


def test_old_refresh_token_is_valid_until_the_new_pair_is_used(caller_without_token: Caller) -> None:
    """If the caller loses the answer to a refresh, the sandbox accepts the old refresh token again, until one of the
    new tokens is first used."""
    caller_without_token.request_token()
    again = caller_without_token.request_token()
    assert again.status == 200
    assert caller_without_token.buy_check(access=again.data["access_token"]).status == 201
    late = caller_without_token.request_token()
    assert (late.status, late.data) == (400, {"error": "invalid_grant"})


def test_use_of_the_new_refresh_token_ends_the_old_one(caller_without_token: Caller) -> None:
    """After a refresh with the new refresh token, the sandbox refuses the old refresh token."""
    caller_without_token.request_token(caller_without_token.request_token().data["refresh_token"])
    assert caller_without_token.request_token().status == 400


def test_use_of_the_new_pair_ends_the_old_access_token(caller_without_token: Caller) -> None:
    """The old access token is accepted until the new access token is first used; after that the sandbox refuses
    it.
    """
    first = caller_without_token.request_token().data
    second = caller_without_token.request_token(first["refresh_token"]).data
    assert caller_without_token.buy_check(access=first["access_token"]).status == 201
    assert caller_without_token.buy_check(access=second["access_token"]).status == 201
    assert caller_without_token.buy_check(access=first["access_token"]).status == 401


def test_the_old_access_token_stays_valid_by_a_setting(caller_without_token: Caller, control: SandboxControl) -> None:
    """If the setting `revokes_old_access_token` is off, the use of the new access token makes only the old refresh
    token invalid.
    """
    control.change_settings(revokes_old_access_token=False)
    first = caller_without_token.request_token().data
    second = caller_without_token.request_token(first["refresh_token"]).data
    caller_without_token.buy_check(access=second["access_token"])
    assert caller_without_token.buy_check(access=first["access_token"]).status == 201
    assert caller_without_token.request_token(first["refresh_token"]).status == 400


@pytest.mark.parametrize("access", ["", "at-made-up", "sandbox-refresh-1"])
def test_calls_need_a_valid_access_token(caller_without_token: Caller, sandbox: Sandbox, access: str) -> None:
    """A call without a valid access token gets the status 401, and the sandbox sells nothing."""
    answer = caller_without_token.buy_check(access=access or "none")
    assert (answer.status, answer.data) == (401, {"error": "invalid_token"})
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert sandbox.ledger.charge_count == 0


def test_an_access_token_is_refused_after_its_lifetime(caller_without_token: Caller, control: SandboxControl) -> None:
    """The sandbox refuses an access token after its lifetime; a refresh returns an access token that it accepts."""
    control.change_settings(access_token_seconds=600)
    pair = caller_without_token.request_token().data
    assert pair["expires_in"] == 600
    control.change_settings(advance_seconds=601)
    assert caller_without_token.buy_check(access=pair["access_token"]).status == 401
    assert (
        caller_without_token.buy_check(
            access=caller_without_token.request_token(pair["refresh_token"]).data["access_token"]
        ).status
        == 201
    )


def test_the_control_api_ends_and_revokes_tokens(caller: Caller, control: SandboxControl) -> None:
    """After the control API has let an access token expire, a refresh returns a new one. After it has revoked the
    tokens, the sandbox refuses a refresh too.
    """
    pair = caller.request_token().data
    assert control.expire_tokens() >= 1
    assert caller.buy_check(access=pair["access_token"]).status == 401
    fresh = caller.request_token(pair["refresh_token"])
    assert fresh.status == 200
    assert control.revoke_tokens() >= 1
    assert caller.buy_check(access=fresh.data["access_token"]).status == 401
    assert caller.request_token(fresh.data["refresh_token"]).data == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"refresh_token": "never-seen"}, 400, "invalid_grant"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": "made-up"}, 400, "invalid_grant"),
    ],
)
def test_a_wrong_token_request_is_refused(
    caller_without_token: Caller, form: dict[str, str], status: int, error: str
) -> None:
    """The sandbox refuses wrong token requests with the error codes and HTTP statuses of OAuth."""
    answer = caller_without_token.request_token(**form)
    assert (answer.status, answer.data) == (status, {"error": error})


def test_a_token_request_must_be_a_form(caller_without_token: Caller) -> None:
    """The sandbox refuses a token request in JSON, because a token request must be form-encoded."""
    answer = caller_without_token.send_request("POST", "/oauth/token", b"{}", Content_Type="application/json")
    assert (answer.status, answer.data) == (400, {"error": "invalid_request"})


def test_an_authorisation_page_shows_a_code(caller_without_token: Caller) -> None:
    """The authorisation page shows a code, which can be exchanged once for an access token and a refresh token. A
    token of the scope `read` can't buy."""
    query = f"client_id={CLIENT_ID}&redirect_uri={OUT_OF_BAND_REDIRECT_URI}&response_type=code&scope=read"
    ask = f"/oauth/authorize?{query}"
    assert b"code-" in caller_without_token.send_request("GET", ask).body
    code = caller_without_token.send_request("GET", ask, Accept="application/json").data["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": OUT_OF_BAND_REDIRECT_URI}
    pair = caller_without_token.request_token(**form)
    assert (pair.status, pair.data["scope"]) == (200, "read")
    assert caller_without_token.request_token(**form).data == {"error": "invalid_grant"}
    assert caller_without_token.buy_check(access=pair.data["access_token"]).status == 403


def test_a_redirect_address_gets_the_authorisation_code(caller_without_token: Caller) -> None:
    """If the authorisation request names a redirect address, the sandbox sends the code to that address together with
    `state`.
    """
    back = "http://127.0.0.1:1/back"
    ask = f"/oauth/authorize?client_id={CLIENT_ID}&redirect_uri={back}&response_type=code&state=s1"
    answer = caller_without_token.send_request("GET", ask)
    assert answer.status == 302
    assert answer.headers["location"].startswith(f"{back}?code=code-")
    assert answer.headers["location"].endswith("&state=s1")


@pytest.mark.parametrize("query", ["response_type=code&client_id=nobody", f"client_id={CLIENT_ID}"])
def test_no_code_for_an_unknown_client_or_without_a_response_type(caller_without_token: Caller, query: str) -> None:
    """The sandbox gives no authorisation code for an unknown client id, and none for a request without
    `response_type`.
    """
    assert caller_without_token.send_request("GET", f"/oauth/authorize?{query}").status in (400, 401)


def test_a_second_client_has_its_own_credentials(caller_without_token: Caller, control: SandboxControl) -> None:
    """A second OAuth client, added over the control API, gets its own tokens. The sandbox accepts the tokens of one
    client only from this client."""
    control.register_client("client-2", "secret-2", "refresh-2")
    mine = {"client_id": "client-2", "client_secret": "secret-2"}
    assert caller_without_token.request_token("refresh-2", **mine).status == 200
    assert caller_without_token.request_token(REFRESH_TOKEN, **mine).data == {"error": "invalid_grant"}
    assert caller_without_token.request_token("refresh-2", client_secret=CLIENT_SECRET).data == {
        "error": "invalid_grant"
    }
