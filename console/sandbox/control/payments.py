"""The control room's desk for payments: the payer pays, refunds go through, notices are sent, the truth is read."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from console.sandbox.payment_book import Payment, Refund
from console.sandbox.payment_notices import PostOffice
from console.sandbox.paypay import PayPay
from console.sandbox.wire import JsonObject, Reply, Request, json_reply
from console.sandbox.world import World

Act = Callable[[Request], Reply]
SILENT = ("CREATED", "GONE", "NONE", "REAUTHORIZING", "OTS0301", "OTS0351")  # states that nobody is told of


class PaymentControl:
    """Answers about, and acts upon, payments and refunds. `url`: where the sandbox itself is reached."""

    def __init__(self, world: World, paypay: PayPay, post: PostOffice, url: Callable[[], str]) -> None:
        self._world = world
        self._book = world.payments
        self._paypay = paypay
        self._post = post
        self._url = url

    def table(self) -> dict[tuple[str, str], Act]:
        """Methods and addresses under the control room's prefix."""
        return {
            ("GET", "payments"): self._payments,
            ("POST", "payments"): self._know,
            ("POST", "payments/move"): self._move,
            ("GET", "refunds"): self._refunds,
            ("POST", "refunds/move"): self._move_refund,
            ("GET", "notices"): lambda _: json_reply(self._post.as_json()),
            ("POST", "notices"): self._send_to,
            ("POST", "notices/send"): self._send,
            ("POST", "notices/compose"): self._compose,
            ("POST", "recon"): self._recon,
        }

    # Reading

    def _payments(self, request: Request) -> Reply:
        asked = request.query
        with self._book.lock:
            found = [p.as_json() for p in self._book.payments(asked.get("provider"), asked.get("number"))]
        sums = ("captured_minor", "accepted_minor", "refunded_minor", "reversed_minor")
        return json_reply({"payments": found} | {name: sum(p[name] for p in found) for name in sums})

    def _refunds(self, request: Request) -> Reply:
        found = self._book.refunds(request.query.get("key"), request.query.get("payment"))
        return json_reply({"total": len(found), "refunds": [refund.as_json() for refund in found]})

    # Payments

    def _know(self, request: Request) -> Reply:
        """Let a payment exist that was not begun here."""
        given = request.json()
        provider = given["provider"]
        merchant = str(given.get("merchant") or self._newest_merchant(provider))
        created = _instant(given["at"]) if given.get("at") else self._world.clock.now()
        payment = Payment(provider, merchant, str(given["number"]), _minor(given["amount_minor"]),
                          "JPY" if provider == "paypay" else "INR", "NONE", created,
                          details=_details(provider, given))  # fmt: skip
        payment.state = payment.tongue.words["created"]
        with self._book.lock:
            if self._book.find(provider, payment.number):
                raise ValueError("that number exists already")
            state = payment.tongue.state(given.get("state", "paid"))
            if given.get("id"):
                self._book.name(payment, str(given["id"]))
            self._place(self._book.add(payment), state, given)
            for refund in given.get("refunds", ()):
                self._know_refund(payment, refund)
        return json_reply(payment.as_json(), 201)

    def _know_refund(self, payment: Payment, given: JsonObject) -> None:
        """Let a refund exist that was not asked for here."""
        made = self._book.accept(payment, str(given["key"]), _minor(given["amount_minor"]),
                                 reason=given.get("reason"), product=payment.details.get("product"))  # fmt: skip
        made.at = _instant(given["at"]) if given.get("at") else made.at
        if given.get("id"):
            made.id = str(given["id"])
        self._book.move_refund(made, given.get("state", "completed"))

    def _newest_merchant(self, provider: str) -> str:
        return {"paypay": self._world.paypay_door.newest, "atom": self._world.atom_door.newest}[provider]

    def _move(self, request: Request) -> Reply:
        """Let the payer, the bank or time act; a notice follows where the provider sends one."""
        wanted = request.json()
        payment = self._payment(wanted)
        with self._book.lock:
            state = payment.tongue.state(wanted["to"])
            if wanted.get("another_attempt"):
                self._book.begin_again(payment)
            if "amount_minor" in wanted:
                payment.amount_minor = _minor(wanted["amount_minor"])
            self._place(payment, state, wanted)
        told = wanted.get("notify", True) and payment.state not in SILENT
        sent = told and payment.id is not None and self._post.hand_in(self._post.compose(payment))
        return json_reply(payment.as_json() | {"notice": bool(sent)})

    def _place(self, payment: Payment, state: str, given: JsonObject) -> None:
        payment.surcharge_minor = int(given.get("surcharge_minor", payment.surcharge_minor))
        if "channel" in given:
            payment.details["subChannel"] = str(given["channel"])
        if given.get("at"):
            payment.begun = _instant(given["at"])
            payment.ended = payment.begun if state in payment.tongue.captured else payment.ended
        self._book.move(payment, state)

    def _payment(self, wanted: JsonObject) -> Payment:
        payment = self._book.find(str(wanted["provider"]), str(wanted["number"]))
        if payment is None:
            raise ValueError("no such payment")
        return payment

    # Refunds

    def _move_refund(self, request: Request) -> Reply:
        """By the merchant's key; of several with the same key, the last."""
        wanted = request.json()
        found = [r for r in self._book.refunds(str(wanted["key"])) if wanted.get("provider") in (None, r.provider)]
        if not found:
            raise ValueError("no such refund")
        refund: Refund = self._book.move_refund(found[-1], wanted["to"])
        return json_reply(refund.as_json())

    # Notices

    def _send_to(self, request: Request) -> Reply:
        for provider, address in request.json().items():
            self._post.send_to(provider, address)
        return json_reply(self._post.as_json())

    def _send(self, request: Request) -> Reply:
        """A notice about a payment as it stands now, `times` over; nothing has to have changed."""
        wanted = request.json()
        notice = self._post.compose(self._payment(wanted))
        handed = [self._post.hand_in(notice) for _ in range(int(wanted.get("times", 1)))]
        return json_reply({"handed_in": sum(handed)})

    def _compose(self, request: Request) -> Reply:
        """The text of a notice, for those who deliver it themselves; `fields` go over it, `manner` seals it."""
        wanted = request.json()
        notice = self._post.compose(self._payment(wanted))
        notice = notice.altered(data=notice.data | wanted.get("fields", {}), manner=wanted.get("manner", "good"))
        return json_reply({"media_type": notice.media_type, "body": notice.body.decode()})

    def _recon(self, request: Request) -> Reply:
        """Announce the reconciliation file of a day in Japan."""
        wanted = request.json()
        day = date.fromisoformat(wanted["date"])
        merchant = str(wanted.get("merchant") or self._world.paypay_door.newest)
        url = self._url() + self._paypay.files.announce(merchant, day)
        if wanted.get("notify", True):
            self._post.announce_file(url)
        return json_reply({"url": url}, 201)


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("an instant names its zone")
    return at


def _minor(value: Any) -> int:
    if type(value) is not int or value <= 0:
        raise ValueError("amount_minor is a whole number above zero")
    return value


def _details(provider: str, given: JsonObject) -> JsonObject:
    if provider == "atom":
        return {"product": str(given.get("product", "NSE")), "custAccNo": ""}
    return {"codeId": f"04-known-{given['number']}"} if given.get("code", True) else {}
