"""A question on its way to Atom: sealed, as a form, to the address that its kind has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypeVar
from urllib.parse import urlencode, urlsplit

from console.domain.clock import Clock, TimeScale
from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome
from console.providers.asking import Question, ask_once, never_sent
from console.providers.atom_answers import Read, judge
from console.providers.atom_codes import Call
from console.providers.atom_messages import AtomMerchant, Verification
from console.providers.atom_seal import derived_key, seal
from console.providers.protocol import RateGate
from console.providers.transport import HttpTransport

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 30.0
BUDGET_SECONDS = 45.0
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
# What was opened is masked field by field before it gets here.
_HIDDEN_FIELDS = ("password",)


@dataclass(frozen=True, slots=True)
class AtomUrls:
    """Where each call goes; each is a setting, as merchants differ in them."""

    auth: str
    verification: str
    refund: str
    refund_status: str

    @classmethod
    def production(cls, form: Verification = Verification.V1) -> Self:
        main = "https://payment1.atomtech.in"
        return cls._of(main, "https://payment.atomtech.in", main, form)

    @classmethod
    def uat(cls, form: Verification = Verification.V1) -> Self:
        return cls._of("https://paynetzuat.atomtech.in", *("https://caller.atomtech.in",) * 2, form)

    @classmethod
    def at(cls, origin: str, form: Verification = Verification.V1) -> Self:
        """All calls to one origin."""
        return cls._of(*(origin.rstrip("/"),) * 3, form)

    @classmethod
    def _of(cls, main: str, refund: str, refund_status: str, form: Verification) -> Self:
        version = "/v2" if form is Verification.V2 else ""
        return cls(
            auth=f"{main}/ots/aipay/auth",
            verification=f"{main}/ots{version}/payment/status",
            refund=f"{refund}/ots/payment/refund",
            refund_status=f"{refund_status}/ots/payment/status",
        )

    def by_call(self) -> Mapping[Call, str]:
        return {
            Call.AUTH: self.auth,
            Call.PAYMENT: self.verification,
            Call.REFUND: self.refund,
            Call.REFUND_STATUS: self.refund_status,
        }


class AtomLine:
    """Seals each question and sends it once. Safe to use from any thread: it keeps no state of its own.

    Raises ConsoleError `bad_profile` for an unfit URL.
    """

    def __init__(
        self, urls: AtomUrls, merchant: AtomMerchant, *, gate: RateGate, clock: Clock, scale: TimeScale
    ) -> None:
        self.merchant = merchant
        self.clock = clock
        self.scale = scale
        self._gate = gate
        self._places = {call: _split(url) for call, url in urls.by_call().items()}
        self._transports = {
            origin: HttpTransport(origin, clock=clock, scale=scale, connect_timeout=CONNECT_TIMEOUT_SECONDS)
            for origin, _ in self._places.values()
        }

    def ask(self, call: Call, text: str, read: Read[T]) -> Outcome[T]:
        """Seal, send, open, judge; never raises an Exception."""
        acts = call in (Call.AUTH, Call.REFUND)
        merchant = self.merchant
        origin, path = self._places[call]
        try:
            sealed = seal(text, derived_key(merchant.request_key, merchant.request_salt))
            judged = judge(call, derived_key(merchant.response_key, merchant.response_salt), read)
            body = urlencode({"merchId": merchant.merch_id, "encData": sealed}).encode()
        except Exception:  # a text or a key that can't be sealed with: nothing left
            return never_sent("not_prepared", buys=acts)
        return ask_once(
            self._transports[origin],
            self._gate,
            Question("POST", path, READ_TIMEOUT_SECONDS, BUDGET_SECONDS, body=body, buys=acts),
            judged,
            headers=_HEADERS,
            secrets=merchant.secrets,
            hidden_fields=_HIDDEN_FIELDS,
        )


def _split(url: str) -> tuple[str, str]:
    """Origin and path; the transport refuses an origin that is unfit."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if not parts.netloc or parts.query or parts.fragment:
        raise ConsoleError("bad_profile", {"variable": "atom.url", "problem": "url_form"})
    return f"{parts.scheme}://{parts.netloc}", parts.path or "/"
