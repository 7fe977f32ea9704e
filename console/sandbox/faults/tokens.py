"""Faults of authorisation: tokens that end, are revoked, or do not rotate."""

from console.sandbox.exchange import Exchange
from console.sandbox.fault_table import READS, TOKEN, fault
from console.sandbox.tokens import refusal


@fault("token_expired", "401; the access token has ended, a refresh helps", "nothing", READS)
def token_expired(x: Exchange) -> None:
    x.world.tokens.expire(x.call.access)
    x.send(refusal(401, "invalid_token").reply)


@fault("token_revoked", "401; all tokens are revoked, a refresh is answered invalid_grant", "nothing", READS)
def token_revoked(x: Exchange) -> None:
    x.world.tokens.revoke()
    x.send(refusal(401, "invalid_token").reply)


@fault("invalid_grant", "400 invalid_grant, although the refresh token is good", "nothing", TOKEN)
def invalid_grant(x: Exchange) -> None:
    x.send(refusal(400, "invalid_grant").reply)


@fault("invalid_client", "401 invalid_client, although the client is known", "nothing", TOKEN)
def invalid_client(x: Exchange) -> None:
    x.send(refusal(401, "invalid_client").reply)


@fault("no_rotation", "an access token alone: the old refresh token stays the good one", "happens", TOKEN)
def no_rotation(x: Exchange) -> None:
    reply = x.act()
    pair = x.world.tokens.pair_of(str(reply.data.get("access_token")))
    if pair is not None:
        x.world.tokens.take_back(pair)
    x.send(reply.altered(lambda data: data.pop("refresh_token", None)))


@fault("no_access_token", "a token answer without an access token", "happens", TOKEN)
def no_access_token(x: Exchange) -> None:
    x.send(x.act().altered(lambda data: data.pop("access_token", None)))
