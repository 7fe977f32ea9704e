"""Tests that the files in docs/reference agree with a running receiver. Each path, status, header and message that
the receiver sends is described there, and the receiver sends each described one.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from console.services.monitoring.live_feed import LIVE_FEED_CHANNELS
from console.services.payment_intake.signed_notices import NOTICE_SOURCE_NAME_PATTERN
from console.worker import live_websocket as live
from console.worker.connection_limits import ReceiverOptions
from console.worker.http_app import make_receiver_app
from tests.support.payment_desks import PaymentDesk
from tests.worker.running_receiver import (
    LIVE_FEED_TOKEN,
    NOTICE_PATH_BY_PROVIDER,
    WAIT_LIMIT_SECONDS,
    Answer,
    RunningReceiver,
    run_receiver,
)

REFERENCE_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
OPENAPI_DOCUMENT = json.loads((REFERENCE_FOLDER / "receiver.openapi.json").read_text("utf-8"))
ASYNCAPI_DOCUMENT = json.loads((REFERENCE_FOLDER / "live.asyncapi.json").read_text("utf-8"))
SIGNED_PATH = "/notices/{source}"
_UNDESCRIBED_HEADERS = {"content-length", "content-type", "date"}  # of HTTP itself, or described by `content`
pytestmark = pytest.mark.engines("sqlite")


def resolve_reference(part: Any) -> Any:
    """Return this part of the OpenAPI file, or the part to which its `$ref` points."""
    while "$ref" in part:
        target = OPENAPI_DOCUMENT
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def list_described_answers() -> dict[tuple[str, str, int], Any]:
    """Return the answers that the OpenAPI file describes, by path, method and status."""
    return {
        (path, method, int(status)): resolve_reference(answer)
        for path, methods in OPENAPI_DOCUMENT["paths"].items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
    }


def make_answers(scene: PaymentDesk, receiver: RunningReceiver) -> Iterator[tuple[tuple[str, str], Answer]]:
    """Yield real answers of the receiver for each described path and status. Each answer has the path and the method
    in the form of the OpenAPI file.
    """
    scene.insert_order("ORD-1", 3300)
    signed = scene.make_bank_notice("e-1", "ORD-1")
    posts = {SIGNED_PATH: signed}
    for provider, path in NOTICE_PATH_BY_PROVIDER.items():
        minor, currency = (3300, "JPY") if provider == "paypay" else (50_000, "INR")
        scene.payments.start(scene.insert_order(f"ORD-{provider}", minor, currency), provider)
        scene.money.change_payment_state(provider, f"ORD-{provider}", "paid")
        posts[path] = scene.make_provider_notice(provider, f"ORD-{provider}")
    for path in posts:
        yield (path, "post"), receiver.post(path.replace("{source}", "bank"), b"wrong")
    # Before any notice is kept: its question to the provider, after the answer, would miss the table.
    scene.place.sql("ALTER TABLE payment_events RENAME TO away")
    untaken = {path: receiver.deliver_notice(post) for path, post in posts.items()}
    scene.place.sql("ALTER TABLE away RENAME TO payment_events")
    for path, post in posts.items():
        yield (path, "post"), untaken[path]
        yield (path, "post"), receiver.deliver_notice(post)
    for path in ("/healthz", "/readyz", "/metrics"):
        yield (path, "get"), receiver.get(path)
    scene.place.sql("INSERT INTO tasks (name, every_seconds, next_at) VALUES ('probes', 60, '2020-01-01 00:00:00')")
    with run_receiver(scene.taker) as late:
        yield ("/readyz", "get"), late.get("/readyz")


@pytest.mark.expects_log("a notice could not be taken")
def test_every_answer_of_the_receiver_is_described_and_sent(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """Each answer has the described status, headers, media type and body, and the receiver sends each described
    status at least once.
    """
    known, received = list_described_answers(), set()
    for (path, method), answer in make_answers(scene, receiver):
        received.add((path, method, answer.status))
        assert (path, method, answer.status) in known, answer
        check_answer_described(known[path, method, answer.status], answer)
    assert known.keys() - received == set()


def check_answer_described(description: Mapping[str, Any], answer: Answer) -> None:
    """Check that the answer has the headers, the media type and the body of the description `description`. The header
    `connection` is also allowed, because the test sends it.
    """
    headers = {name.lower(): resolve_reference(header) for name, header in description.get("headers", {}).items()}
    assert answer.headers.keys() - headers.keys() - _UNDESCRIBED_HEADERS <= {"connection"}
    for name, header in headers.items():
        Draft202012Validator(header["schema"]).validate(answer.headers[name])
    if "content" in description:
        ((media_type, content),) = description["content"].items()
        assert answer.headers["content-type"] == media_type
        Draft202012Validator(content["schema"]).validate(answer.body.decode())
    else:
        assert answer.body == b""


def test_the_reference_has_the_paths_of_the_program(scene: PaymentDesk) -> None:
    """The OpenAPI and the AsyncAPI file have exactly the paths, the pattern of source names, the channels and the
    close codes of the program.
    """
    routes = {route.path for route in make_receiver_app(scene.console, ReceiverOptions()).routes}  # type: ignore[attr-defined]
    assert routes == OPENAPI_DOCUMENT["paths"].keys() | {ASYNCAPI_DOCUMENT["channels"]["live"]["address"]}
    source = next(one for one in OPENAPI_DOCUMENT["paths"][SIGNED_PATH]["post"]["parameters"] if one["in"] == "path")
    assert source["schema"]["pattern"] == f"^{NOTICE_SOURCE_NAME_PATTERN.pattern}$"
    assert get_record_schema()["properties"]["kind"]["enum"] == list(LIVE_FEED_CHANNELS)
    codes = (live.REFUSED_CLOSE_CODE, live.TRY_LATER_CLOSE_CODE, live.GOING_AWAY_CLOSE_CODE)
    assert [code for code in codes if str(code) not in ASYNCAPI_DOCUMENT["channels"]["live"]["description"]] == []


def get_record_schema() -> Any:
    return ASYNCAPI_DOCUMENT["components"]["schemas"]["Record"]


def make_message_validator(name: str) -> Draft202012Validator:
    """Return the validator of a message in the AsyncAPI file, which resolves the file's own references."""
    return Draft202012Validator({**ASYNCAPI_DOCUMENT, "$ref": f"#/components/messages/{name}/payload"})


def test_schemas_refuse_wrong_messages() -> None:
    """Each schema of the AsyncAPI file is valid, and refuses a wrong message."""
    for schema in (
        *OPENAPI_DOCUMENT["components"]["schemas"].values(),
        *ASYNCAPI_DOCUMENT["components"]["schemas"].values(),
    ):
        Draft202012Validator.check_schema(schema)
    for name in ("snapshot", "changes", "token"):
        assert not make_message_validator(name).is_valid({"type": "other"})
    assert not make_message_validator("changes").is_valid(
        {"type": "changes", "changes": [{"kind": "payment", "id": 1}]}
    )


def test_every_message_of_live_is_described(scene: PaymentDesk, receiver: RunningReceiver) -> None:
    """The snapshot, the changes and the first message with the token are valid by their schemas. A wrong token leads
    to the described close code.
    """
    scene.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
    url, token = f"ws://127.0.0.1:{receiver.port}/live", {"token": LIVE_FEED_TOKEN}
    make_message_validator("token").validate(token)
    with connect(url, open_timeout=WAIT_LIMIT_SECONDS, proxy=None) as connection:
        connection.send(json.dumps(token))
        snapshot = json.loads(connection.recv(WAIT_LIMIT_SECONDS))
        scene.payments.start(scene.insert_order("ORD-2", 3300), "paypay")
        changes = json.loads(connection.recv(WAIT_LIMIT_SECONDS))
    make_message_validator("snapshot").validate(snapshot)
    make_message_validator("changes").validate(changes)
    records = [*changes["changes"], *(one for queue in snapshot["queues"] for one in queue["items"])]
    assert {one["kind"] for one in records} >= {"order", "payment"}
    with pytest.raises(InvalidStatus) as refused:
        connect(
            f"{url}?channels=other", additional_headers={"Authorization": f"Bearer {LIVE_FEED_TOKEN}"}, proxy=None
        )
    assert refused.value.response.status_code == 403
    with connect(url, open_timeout=WAIT_LIMIT_SECONDS, proxy=None) as connection:
        connection.send("a wrong token")
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(WAIT_LIMIT_SECONDS)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == live.REFUSED_CLOSE_CODE
