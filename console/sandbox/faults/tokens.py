"""Faults of authorisation: an authorisation code that AlarmBox sends with another `state` than the one of the
request; tokens that expire, that are revoked, or that a refresh doesn't replace."""

import re
from dataclasses import replace

from console.sandbox.alarmbox.oauth import make_oauth_refusal
from console.sandbox.faults.call_in_progress import CallInProgress
from console.sandbox.rules.fault_table import AUTHORIZE_CALLS, CREDIT_CHECK_CALLS, TOKEN_CALLS, register_fault


@register_fault("token_expired", "401; the access token has ended, a refresh helps", "nothing", CREDIT_CHECK_CALLS)
def expire_token(call_in_progress: CallInProgress) -> None:
    call_in_progress.state.tokens.expire_access_tokens(call_in_progress.call.access_token)
    call_in_progress.send_reply(make_oauth_refusal(401, "invalid_token").reply)


@register_fault(
    "token_revoked", "401; all tokens are revoked, a refresh is answered invalid_grant", "nothing", CREDIT_CHECK_CALLS
)
def revoke_tokens(call_in_progress: CallInProgress) -> None:
    call_in_progress.state.tokens.revoke_all_tokens()
    call_in_progress.send_reply(make_oauth_refusal(401, "invalid_token").reply)


@register_fault("invalid_grant", "400 invalid_grant, although the refresh token is good", "nothing", TOKEN_CALLS)
def answer_invalid_grant(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(make_oauth_refusal(400, "invalid_grant").reply)


@register_fault("invalid_client", "401 invalid_client, although the client is known", "nothing", TOKEN_CALLS)
def answer_invalid_client(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(make_oauth_refusal(401, "invalid_client").reply)


@register_fault(
    "no_rotation", "an access token alone: the old refresh token stays the good one", "happens", TOKEN_CALLS
)
def keep_refresh_token(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    token_pair = call_in_progress.state.tokens.find_token_pair(str(reply.data.get("access_token")))
    if token_pair is not None:
        call_in_progress.state.tokens.undo_token_rotation(token_pair)
    call_in_progress.send_reply(reply.change_data(lambda data: data.pop("refresh_token", None)))


@register_fault("no_access_token", "a token answer without an access token", "happens", TOKEN_CALLS)
def answer_without_access_token(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(
        call_in_progress.execute_call().change_data(lambda data: data.pop("access_token", None))
    )


@register_fault(
    "other_state",
    "the code comes back with another state than the caller's (redirect_uri only)",
    "happens",
    AUTHORIZE_CALLS,
)
def answer_with_other_state(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    headers = tuple(
        (name, re.sub(r"([?&]state=)[^&]*", r"\1of-somebody-else", value) if name == "Location" else value)
        for name, value in reply.headers
    )
    call_in_progress.send_reply(replace(reply, headers=headers))
