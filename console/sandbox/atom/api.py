"""NDPS (Atom AIPAY) as its documents describe it: AUTH, TXNVERIFICATION, REFUNDINIT, REFUNDSTATUS, all sealed."""

import re
from collections.abc import Callable
from itertools import count

from console.sandbox.atom_answers import attempt, bare, refund_answer, refund_status
from console.sandbox.atom_merchant import AtomMerchant
from console.sandbox.atom_requests import (
    NewRefund,
    NewToken,
    Question,
    instrument,
    part,
    read_question,
    read_refund,
    read_refund_question,
    read_token,
)
from console.sandbox.atom_texts import india_day
from console.sandbox.calls import Call, Route, route
from console.sandbox.payment_book import Payment
from console.sandbox.wire import JsonObject, Refused, Reply, Request
from console.sandbox.world import World

NAME = "atom"
FIRST_TOKEN = 15_000_000_033_303


class Atom:
    """The provider's routes; what exists is in the payment book."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._book = world.payments
        self._tokens = count(FIRST_TOKEN)

    def routes(self) -> tuple[Route, ...]:
        return (
            route("POST", "/ots/aipay/auth", self._auth),
            route("POST", "/ots/payment/status", self._status),
            route("POST", "/ots/v2/payment/status", self._status_v2),
            route("POST", "/ots/payment/refund", self._refund),
        )

    # AUTH

    def _auth(self, request: Request, _: re.Match[str]) -> Call | Reply:
        merchant, data = self._world.atom_door.open(request)
        wanted = read_token(merchant, data)
        return self._call(merchant, "auth", lambda: self._new_token(merchant, wanted), wanted.number)

    def _new_token(self, merchant: AtomMerchant, wanted: NewToken) -> Reply:
        with self._book.lock:
            if self._book.find(NAME, wanted.number):
                raise Refused(merchant.token_result("OTS0600", 400, "VALIDATION: merchTxnId WAS USED BEFORE"))
            self._book.add(Payment(NAME, merchant.merch_id, wanted.number, wanted.amount, "INR", "NONE", wanted.at,
                                   details=wanted.details))  # fmt: skip
            token = str(next(self._tokens))
        told = merchant.token_result("OTS0000", 200, "ATOM TOKEN ID HAS BEEN GENERATED SUCCESSFULLY").data
        return merchant.reply({"atomTokenId": bare(token), **told})

    # Questions

    def _status(self, request: Request, _: re.Match[str]) -> Call | Reply:
        """Two questions share this address; the name of the call inside tells them apart."""
        merchant, data = self._world.atom_door.open(request)
        match part(instrument(data), "headDetails").get("api"):
            case "TXNVERIFICATION":
                return self._verification(merchant, read_question(merchant, data, v2=False))
            case "REFUNDSTATUS":
                return self._refund_status(merchant, read_refund_question(merchant, data))
            case api:
                raise merchant.refusal("OTS0504" if api else "OTS0503")

    def _status_v2(self, request: Request, _: re.Match[str]) -> Call | Reply:
        merchant, data = self._world.atom_door.open(request)
        return self._verification(merchant, read_question(merchant, data, v2=True))

    def _verification(self, merchant: AtomMerchant, asked: Question) -> Call:
        def act() -> Reply:
            with self._book.lock:
                payment = self._of(merchant, self._book.find(NAME, asked.number))
                if payment is None or payment.id is None or not _meant(payment, asked):
                    raise merchant.refusal("OTS0401")
                attempts = [attempt(each) for each in (*payment.past, payment)]
            as_list = self._world.settings.atom_list or len(attempts) > 1
            return merchant.reply({"payInstrument": attempts if as_list else attempts[0]})

        return self._call(merchant, "verification", act, asked.number)

    def _refund_status(self, merchant: AtomMerchant, payment_id: str) -> Call:
        payment = self._of(merchant, self._book.by_id(NAME, payment_id))

        def act() -> Reply:
            with self._book.lock:
                known = self._of(merchant, self._book.by_id(NAME, payment_id))
                if known is None or not known.refunds:
                    raise merchant.refusal("OTS0401")
                settings = self._world.settings
                told = refund_status(known, in_paise=settings.atom_refund_paise, as_list=settings.atom_status_list)
            return merchant.reply(told)

        return self._call(merchant, "refund_status", act, payment.number if payment else payment_id)

    # REFUNDINIT

    def _refund(self, request: Request, _: re.Match[str]) -> Call | Reply:
        merchant, data = self._world.atom_door.open(request)
        api = part(instrument(data), "headDetails").get("api")
        if api != "REFUNDINIT":
            raise merchant.refusal("OTS0504" if api else "OTS0503")
        wanted = read_refund(merchant, data)
        act = self._refunding(merchant, wanted)
        return self._call(merchant, "refund", act, wanted.products[0][1], wanted.number)

    def _refunding(self, merchant: AtomMerchant, wanted: NewRefund) -> Callable[[], Reply]:
        """Every accepted request is another refund, also with a `prodRefundId` that was used before."""

        def act() -> Reply:
            with self._book.lock:
                payment = self._of(merchant, self._book.by_id(NAME, wanted.payment_id))
                if payment is None or payment.number != wanted.number or not payment.captured:
                    raise merchant.refusal("OTS0401")
                if wanted.amount > payment.left_minor and not self._world.settings.over_refunds:
                    raise merchant.refusal("OTS0509")
                made = [
                    self._book.accept(payment, key, amount, product=name) for name, key, amount in wanted.products
                ]
                return merchant.reply(refund_answer(payment, made, wanted.amount), charge=made[0].serial)

        return act

    def _of(self, merchant: AtomMerchant, payment: Payment | None) -> Payment | None:
        return payment if payment and payment.merchant == merchant.merch_id else None

    def _call(
        self, merchant: AtomMerchant, name: str, act: Callable[[], Reply], number: str, payment: str | None = None
    ) -> Call:
        answer = _coded(merchant, name)
        return Call(NAME, f"{NAME}_{name}", act, number, payment=payment or number, busy=Reply(429), answer=answer)


def _coded(merchant: AtomMerchant, name: str) -> Callable[[str, JsonObject], Reply]:
    """A code as this merchant would be told it, for faults; `more` may name another HTTP status."""

    def answer(code: str, more: JsonObject) -> Reply:
        if name == "auth":
            status = {"OTS0000": 200, "OTS0451": 401}.get(code, 400)
            return merchant.token_result(code, int(more.get("status", status)), "SIMULATED")
        return merchant.result(code, int(more.get("status", 200)))

    return answer


def _meant(payment: Payment, asked: Question) -> bool:
    """The price and the day, in India, of the order or of the payment: anything else is not found."""
    days = {india_day(payment.created), india_day(payment.ended or payment.begun)}
    return asked.day in days and asked.amount == payment.amount_minor
