"""Reads Atom's decrypted answers. The status code is checked first; then the id, payment and amount in the answer
must be those of the request.
"""

import codecs
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import TypeVar

from console.domain.money import Money
from console.domain.payments.provider_messages import (
    ListedRefund,
    PaymentQuestion,
    PaymentReport,
    PaymentRequest,
    RefundInstruction,
    RefundReport,
    StartedPayment,
)
from console.domain.payments.states import RefundState
from console.domain.provider_outcome import Outcome, SendingCertainty
from console.providers.atom.aes import decrypt_and_check_padding
from console.providers.atom.envelopes import (
    Fields,
    extract_ciphertext,
    get_object_field,
    get_status_code,
    is_valid_id,
    make_storable_text,
    parse_decrypted_message,
    parse_id,
    parse_rupees,
    require_rupees,
)
from console.providers.atom.payment_attempts import choose_deciding_attempt, read_attempt_verdict, read_attempts
from console.providers.atom.status_codes import (
    PAYMENT_CODE_MEANINGS,
    SUCCESS_CODE,
    AtomCall,
    find_code_verdict,
    find_remark_verdict,
    find_status_verdict,
)
from console.providers.http.answer_outcomes import (
    REFUSAL_OUTCOME_CLASSES,
    REFUSED_BUT_MADE_REASON,
    TOO_MANY_REQUESTS_STATUS,
    UNREADABLE_REASON,
    AnswerConverter,
    UnusableAnswer,
    format_storable_text,
    has_no_information,
    is_readable_refusal,
    iterate_nested_fields,
)
from console.providers.http.strict_json import UnreadableJson
from console.providers.http.transport import HttpAnswer
from console.providers.payments.result_codes import (
    ACCEPTED_VERDICT,
    SUCCEEDED_VERDICT,
    UNLISTED_CODE_VERDICT,
    CodeVerdict,
    make_rate_limited_verdict,
    make_unknown_verdict,
)

_LONGEST_LISTED_KEY_CHARACTERS = 64
_NO_DATA_CODE = "OTS0401"
_REFUND_ENTRY_FIELDS = ("remarks", "prodRefundId", "refundTxnId")
_STATUS_CODE_FIELDS = frozenset({"statusCode", "txnStatusCode", "prodStatusCode"})
UNLISTED_REASON = UNLISTED_CODE_VERDICT.reason
T = TypeVar("T")
OutcomeAndContent = tuple[CodeVerdict, T | None]
"""Class and reason of the outcome that an answer states, and the content that was read from the answer (None: the
answer has no usable content).
"""
AnswerReader = Callable[[Fields], OutcomeAndContent[T]]
"""Type of a function that reads the outcome and the content from the decrypted fields of an answer with status 2xx.
It raises UnusableAnswer if the answer belongs to another request or has invalid contents; the outcome is then UNKNOWN
with the reason of the exception. It raises UnreadableJson for a wrong JSON type; the outcome is then UNKNOWN with the
reason `unreadable`.
"""


def make_atom_converter(call: AtomCall, key: bytes, read_content: AnswerReader[T]) -> AnswerConverter[T]:
    """Return the function that converts an answer to `call` into an outcome. Every answer is decrypted with `key`.

    For status 2xx `read_content` decides the outcome; the outcome is UNKNOWN if the answer can't be decrypted or
    read. For every other status, the HTTP status decides. If an answer refuses a call with an effect (AUTH, REFUND),
    the outcome is UNKNOWN in three cases: the answer also contains the token or the refund, it has a status code that
    is no refusal, or it can't be read.

    The evidence is the decrypted text without payer data and secrets. For ciphertext that can't be decrypted the
    evidence is only the size of the ciphertext; for a body without ciphertext it is the body. No ciphertext is
    stored, because equal texts have equal ciphertexts.
    """

    def convert_answer(answer: HttpAnswer) -> Outcome[T]:
        plaintext, is_valid = decrypt_and_check_padding(extract_ciphertext(answer.body), key)
        verdict, content = _read_verdict_and_content(call, answer, plaintext if is_valid else None, read_content)
        evidence = _make_evidence_text(answer.body, plaintext if is_valid else None)
        return Outcome(
            verdict.kind, verdict.reason, SendingCertainty.YES, content, answer.status, evidence, answer.sha256
        )

    return convert_answer


def _read_verdict_and_content(
    call: AtomCall, answer: HttpAnswer, plaintext: bytes | None, read_content: AnswerReader[T]
) -> OutcomeAndContent[T]:
    """Return the verdict of an answer and the content that `read_content` reads from it (None without a usable
    content). `plaintext` is the decrypted body, None if it couldn't be decrypted. If an answer refuses a call with an
    effect, but contains this effect or can't be read, the verdict is UNKNOWN."""
    verdict, content = _judge_answer(answer, call, plaintext, read_content)
    if verdict.kind in REFUSAL_OUTCOME_CLASSES and call in (AtomCall.AUTH, AtomCall.REFUND):
        objection = _find_objection_to_refusal(call, answer, plaintext)
        if objection is not None:
            return make_unknown_verdict(objection), None
    return verdict, content


def _judge_answer(
    answer: HttpAnswer, call: AtomCall, plaintext: bytes | None, read_content: AnswerReader[T]
) -> OutcomeAndContent[T]:
    """Return the verdict of an answer, and its content (None without a usable one). With status 2xx, `read_content`
    decides, which reads the decrypted body; with any other status, the HTTP status decides. `plaintext` is the
    decrypted body, None if it couldn't be decrypted."""
    if answer.status == TOO_MANY_REQUESTS_STATUS and has_no_information(answer):
        return make_rate_limited_verdict("rate_limited"), None
    if not 200 <= answer.status < 300:
        return find_status_verdict(call, answer.status), None
    if plaintext is None:
        return make_unknown_verdict("not_opened"), None
    try:
        return read_content(parse_decrypted_message(plaintext))
    except UnusableAnswer as error:
        return make_unknown_verdict(error.reason), None
    except UnreadableJson:
        return make_unknown_verdict("unreadable"), None


def _find_objection_to_refusal(call: AtomCall, answer: HttpAnswer, plaintext: bytes | None) -> str | None:
    """Return the reason for which the program can't trust the refusal of a call with an effect: the answer contains
    the effect (a token or a refund), has a status code that is no refusal, or can't be read. Return None if the
    refusal is certain. `plaintext` is the decrypted body, None if it couldn't be decrypted; the contents of a body
    that isn't encrypted are checked too."""
    body = answer.body
    if plaintext is None and (b"encData" in body or not is_readable_refusal(answer)):
        return "not_opened" if b"encData" in body else UNREADABLE_REASON
    text = (body if plaintext is None else plaintext).removeprefix(codecs.BOM_UTF8).strip()
    if plaintext is None and not text.startswith((b"{", b"[")):
        return None if has_no_information(answer) else UNREADABLE_REASON
    try:
        fields = parse_decrypted_message(b'{"list":%s}' % text if text.startswith(b"[") else text)
        if _contains_effect(call, fields):
            return REFUSED_BUT_MADE_REASON
        return None if all(_is_refusing_code(call, code) for code in _list_status_codes(fields)) else UNLISTED_REASON
    except UnreadableJson:
        return UNREADABLE_REASON


def _list_status_codes(message: Fields) -> list[str]:
    """Return the status codes in an answer, at any depth, in upper case. Raises UnreadableJson for one that isn't a
    text."""
    codes = [value for name, value in iterate_nested_fields(message) if name in _STATUS_CODE_FIELDS]
    texts = [code for code in codes if isinstance(code, str)]
    if len(texts) != len(codes) - codes.count(None):
        raise UnreadableJson("no code")
    return [text.strip().upper() for text in texts if text.strip()]


def _is_refusing_code(call: AtomCall, code: str) -> bool:
    """True if the status code means, in an answer to `call`, that certainly nothing has happened. Without a token
    there is no payment, so in the refusal of a token an unlisted code means that, too."""
    is_refusing = find_code_verdict(call, code).kind in REFUSAL_OUTCOME_CLASSES
    return is_refusing or (call is AtomCall.AUTH and code != SUCCESS_CODE)


def _contains_effect(call: AtomCall, message: Fields) -> bool:
    """True if an answer contains the effect of the call at any depth: the token of a payment page, or Atom's number
    or acceptance of a refund."""
    fields = list(iterate_nested_fields(message))
    if call is AtomCall.AUTH:
        return any(name == "atomTokenId" and value for name, value in fields)
    return any(
        (name == "refundTxnId" and value)
        or (name == "prodStatusCode" and isinstance(value, str) and value.strip().upper() == SUCCESS_CODE)
        for name, value in fields
    )


def _make_evidence_text(body: bytes, plaintext: bytes | None) -> str:
    if plaintext is not None:
        return make_storable_text(plaintext)
    if b"encData" in body:
        return f"sealed, {len(body)} bytes, not opened"
    return make_storable_text(body) if body.lstrip().startswith(b"{") else format_storable_text(body)


def make_token_reader(request: PaymentRequest) -> AnswerReader[StartedPayment]:
    """Return the function that reads an AUTH answer, which has the token of the payment page. The answer's status
    code decides the outcome. An answer with the code of a success but without a token is unusable (`no_id`); no
    payment can exist then, because the payer needs the token to open the page.
    """

    def read_started_payment(message: Fields) -> OutcomeAndContent[StartedPayment]:
        fields = message if "responseDetails" in message else get_object_field(message, "payInstrument")
        details = get_object_field(fields, "responseDetails")
        code = get_status_code(fields, "txnStatusCode" if "txnStatusCode" in details else "statusCode")
        if code != SUCCESS_CODE:
            return find_code_verdict(AtomCall.AUTH, code), None
        token = parse_id(fields.get("atomTokenId"))
        if token is None:
            raise UnusableAnswer("no_id")
        return SUCCEEDED_VERDICT, StartedPayment(request.merchant_payment_id, token)

    return read_started_payment


def make_payment_reader(merch_id: str, question: PaymentQuestion) -> AnswerReader[PaymentReport]:
    """Return the function that reads a TXNVERIFICATION answer, which has the payment's attempts. Without any attempt,
    the status code of the whole answer decides; without such a code the outcome is NOT_FOUND. If all attempts belong
    to other payments than that of the query `question`, or to other merchants than `merch_id`, the answer is
    unusable.
    """

    def read_payment_report(message: Fields) -> OutcomeAndContent[PaymentReport]:
        rows = read_attempts(message.get("payInstrument"))
        if not rows:
            return _judge_missing_attempts(message), None
        attempts = [read_attempt_verdict(row, merch_id, question) for row in rows]
        own_attempts = [attempt for attempt in attempts if attempt is not None]
        if not own_attempts:
            raise UnusableAnswer("other_id")
        return choose_deciding_attempt(own_attempts, question)

    return read_payment_report


def _judge_missing_attempts(message: Fields) -> CodeVerdict:
    """Return the verdict of a TXNVERIFICATION answer without any attempt: the verdict of the status code of the whole
    answer, or NOT_FOUND if the answer has no code. Raises UnreadableJson if the code states a payment's state,
    because such a state needs an attempt."""
    code = get_status_code(message) if "responseDetails" in message else _NO_DATA_CODE
    if code in PAYMENT_CODE_MEANINGS:
        raise UnreadableJson("a state without an attempt")
    return find_code_verdict(AtomCall.PAYMENT, code)


def make_refund_reader(instruction: RefundInstruction) -> AnswerReader[RefundReport]:
    """Return the function that reads a REFUNDINIT answer. If the status code of the whole answer isn't that of a
    success, this code decides the outcome. Otherwise the answer must have one entry with our idempotency key and the
    status code of a success; without it, the answer is unusable (`refund_not_confirmed`). The outcome is PENDING
    (accepted) if the answer has our payment or no payment, and our amount; if it has another payment, another amount
    or no amount, the outcome is UNKNOWN with the reason `other_payment` or `other_amount`. An answer in another
    currency is unusable.
    """

    def read_refund_report(message: Fields) -> OutcomeAndContent[RefundReport]:
        fields = _require_only_payment(message)
        code, pay_details = get_status_code(fields), get_object_field(fields, "payDetails")
        own_entries = [
            row for row in _list_objects(pay_details.get("prodDetails")) if _read_refund_key(row) == instruction.key
        ]
        if code != SUCCESS_CODE:
            return find_code_verdict(AtomCall.REFUND, code), None
        if len(own_entries) != 1 or own_entries[0].get("prodStatusCode") != SUCCESS_CODE:
            raise UnusableAnswer("refund_not_confirmed")
        return _find_refund_verdict(pay_details, own_entries[0], instruction), _make_refund_report(
            instruction, own_entries[0], "REFUND INITIATED", RefundState.SUBMITTED
        )

    return read_refund_report


def _find_refund_verdict(pay_details: Fields, own_entry: Fields, instruction: RefundInstruction) -> CodeVerdict:
    """Return ACCEPTED_VERDICT for Atom's entry about our refund (`own_entry`), or the class UNKNOWN if the answer has
    another payment or amount than `instruction`, or no amount. `pay_details` has the fields of the whole answer.
    Raises UnusableAnswer for another currency."""
    require_rupees(pay_details)
    if parse_id(pay_details.get("atomTxnId")) not in (None, instruction.provider_payment_id):
        return make_unknown_verdict("other_payment")
    amounts = {
        parse_rupees(own_entry.get("prodRefundAmount")),
        parse_rupees(pay_details.get("totalRefundAmount")),
    } - {None}
    return ACCEPTED_VERDICT if amounts == {instruction.amount} else make_unknown_verdict("other_amount")


def make_refund_status_reader(instruction: RefundInstruction) -> AnswerReader[RefundReport]:
    """Return the function that reads a REFUNDSTATUS answer. The remark in the entry of our refund decides the state
    of the refund. If the answer has no entry of our refund, the outcome is NOT_FOUND. The status code of the whole
    answer decides only if it isn't that of a success, because the answer then has no refunds.
    """

    def read_refund_status(message: Fields) -> OutcomeAndContent[RefundReport]:
        verdict, refund_entries = _read_refund_entries(message, instruction.provider_payment_id)
        if refund_entries is None:
            return verdict, None
        own_entries = [row for row in refund_entries if _read_refund_key(row) == instruction.key]
        if not own_entries and not all(map(_read_refund_key, refund_entries)):
            raise UnusableAnswer("no_id")  # a refund without a key may be ours
        has_key_in_other_notation = any(
            _is_own_key_in_other_notation(_read_refund_key(row), instruction) for row in refund_entries
        )
        if has_key_in_other_notation and all(map(_has_refund_failed, own_entries)):
            raise UnusableAnswer("other_id")  # the other entry may say that the refund was made
        if not own_entries:
            return find_code_verdict(AtomCall.REFUND_STATUS, _NO_DATA_CODE), None
        if (
            len({(parse_id(row.get("refundTxnId")), find_remark_verdict(row.get("remarks"))) for row in own_entries})
            != 1
        ):
            raise UnusableAnswer("listed_twice")
        return _read_remark_verdict(own_entries[0], instruction)

    return read_refund_status


def make_refund_list_reader(
    provider_payment_id: str, payment_amount: Money | None
) -> AnswerReader[tuple[ListedRefund, ...]]:
    """Return the function that reads all refunds in a REFUNDSTATUS answer, except those that Atom reports as failed.
    `provider_payment_id` is the id that Atom has given to the payment. `payment_amount` is the amount of the payment
    (None: not known); a listed number that can mean rupees or paise means paise if it would exceed this amount in
    rupees.

    Entries with the same idempotency key and different refund numbers of Atom are different refunds, because Atom may
    execute a repeated request again. If Atom has no data, the outcome is NOT_FOUND. The answer is unusable if a
    refund has no idempotency key (`no_id`), or if its key or its number can't be an id (`bad_id`).
    """

    def read_refunds(message: Fields) -> OutcomeAndContent[tuple[ListedRefund, ...]]:
        verdict, refund_entries = _read_refund_entries(message, provider_payment_id)
        if refund_entries is None:
            return verdict, None
        numbers_and_refunds = dict.fromkeys(
            (
                parse_id(row.get("refundTxnId")),
                ListedRefund(
                    _read_refund_key(row), _find_largest_possible_amount(row.get("refundAmt"), payment_amount)
                ),
            )
            for row in refund_entries
            if not _has_refund_failed(row)
        )
        refunds = tuple(refund for _, refund in numbers_and_refunds)
        keys = [refund.key for refund in refunds]
        if not all(is_valid_id(key, _LONGEST_LISTED_KEY_CHARACTERS) for key in keys):
            raise UnusableAnswer("bad_id" if all(keys) else "no_id")
        return verdict, refunds

    return read_refunds


def _read_refund_entries(message: Fields, provider_payment_id: str) -> OutcomeAndContent[list[Fields]]:
    """Return the refunds in a REFUNDSTATUS answer about the payment to which Atom has given the id
    `provider_payment_id`. If the status code says that Atom has not answered the query, return the meaning of the
    code, and no refunds. Raises UnusableAnswer for an answer about another payment, and for an answer that contains a
    refund although its code says that there is no data."""
    fields = _require_only_payment(message)
    code = get_status_code(fields)
    if code != SUCCESS_CODE:
        contents = iterate_nested_fields(fields.get("refundStatusDetails"))
        if code == _NO_DATA_CODE and any(name in _REFUND_ENTRY_FIELDS and value for name, value in contents):
            raise UnusableAnswer(REFUSED_BUT_MADE_REASON)
        return find_code_verdict(AtomCall.REFUND_STATUS, code), None
    if parse_id(get_object_field(fields, "payDetails").get("atomTxnId")) not in (None, provider_payment_id):
        raise UnusableAnswer("other_payment")
    return SUCCEEDED_VERDICT, list(_iterate_refunds(fields.get("refundStatusDetails")))


def _has_refund_failed(refund_entry: Fields) -> bool:
    """True if the remark in a refund that Atom lists says that the refund has failed."""
    verdict_and_state = find_remark_verdict(refund_entry.get("remarks"))
    return verdict_and_state is not None and verdict_and_state[1] is RefundState.FAILED


def _read_remark_verdict(own_entry: Fields, instruction: RefundInstruction) -> OutcomeAndContent[RefundReport]:
    """Return the verdict of the remark in Atom's entry about our refund, and the report of the refund."""
    verdict_and_state = find_remark_verdict(own_entry.get("remarks"))
    if verdict_and_state is None:
        raise UnusableAnswer("unlisted_state")
    report = _make_refund_report(
        instruction, own_entry, str(own_entry["remarks"]).strip().upper(), verdict_and_state[1]
    )
    return verdict_and_state[0] if _is_same_amount(
        own_entry.get("refundAmt"), instruction.amount
    ) else make_unknown_verdict("other_amount"), report


def _find_largest_possible_amount(listed_sum: object, payment_amount: Money | None) -> Money | None:
    """Return the largest amount of money that `listed_sum`, the amount of a refund in Atom's list, can mean. The text
    "150" means 150 rupees. The number 150 can mean 150 rupees or 150 paise (see `_is_same_amount`): the result is 150
    rupees, but 150 paise if the payment was smaller than 150 rupees. `payment_amount` is the amount of the payment;
    None if it isn't known. Return None if `listed_sum` is no amount above 0.
    """
    amounts: list[Money | None] = []
    with suppress(UnusableAnswer):
        amounts.append(parse_rupees(listed_sum))
    if isinstance(listed_sum, int | Decimal) and not isinstance(listed_sum, bool):
        with suppress(UnusableAnswer):
            amounts.append(parse_rupees(Decimal(listed_sum) / 100))
    read_amounts = sorted((amount for amount in amounts if amount and amount.minor), key=lambda amount: amount.minor)
    possible_amounts = [
        amount for amount in read_amounts if payment_amount is None or amount.minor <= payment_amount.minor
    ]
    return next(iter(possible_amounts[-1:] or read_amounts[:1]), None)


def _is_same_amount(listed_sum: object, amount: Money) -> bool:
    """True if `listed_sum` from Atom's list of refunds equals `amount`. A text is an amount in rupees. A number may
    be one in rupees or, as in a published sample of Atom, in paise: both are accepted."""
    if isinstance(listed_sum, str):
        return parse_rupees(listed_sum) == amount
    if isinstance(listed_sum, bool) or not isinstance(listed_sum, int | Decimal):
        return False
    return listed_sum in (Decimal(amount.minor), Decimal(amount.minor) / 100)


def _make_refund_report(
    instruction: RefundInstruction, refund_fields: Fields, provider_word: str, state: RefundState
) -> RefundReport:
    """Return the report of our refund. `refund_fields` is Atom's entry about the refund, `provider_word` Atom's word
    for its state. The report has the amount of `instruction`; the caller must compare that amount with the amount in
    the answer."""
    number = parse_id(refund_fields.get("refundTxnId"))
    return RefundReport(
        instruction.key, number, provider_word, state, instruction.amount, instruction.provider_payment_id
    )


def _iterate_refunds(value: object) -> Iterator[Fields]:
    """Yield the refunds in `refundStatusDetails` of Atom's answer: a refund, a list of refunds, or objects that
    contain these in `refundDetails` or `refundStatus`. An object may be a refund and contain others. Raises
    UnreadableJson for any other form."""
    if isinstance(value, list):
        for item in value:
            yield from _iterate_refunds(item)
        return
    if not isinstance(value, dict):
        raise UnreadableJson("no refunds")
    is_refund = "remarks" in value or "prodRefundId" in value
    inner_values = [value[name] for name in ("refundDetails", "refundStatus") if name in value]
    if is_refund:
        yield value
    for inner_value in inner_values:
        if inner_value is not None:
            yield from _iterate_refunds(inner_value)
    if not is_refund and all(inner_value is None for inner_value in inner_values):
        raise UnreadableJson("no refund")


def _read_refund_key(row: Fields) -> str:
    """Return the idempotency key (`prodRefundId`) of a refund that Atom lists; empty if there is none."""
    key = row.get("prodRefundId")
    return str(key) if type(key) in (str, int) else ""


def _require_only_payment(message: Fields) -> Fields:
    """Return the only payment in an answer. Raises UnreadableJson if the answer has no payment or several."""
    rows = read_attempts(message.get("payInstrument"))
    if len(rows) != 1:
        raise UnreadableJson("not one instrument")
    return rows[0]


def _is_own_key_in_other_notation(key: str, instruction: RefundInstruction) -> bool:
    """True if the key of a listed refund isn't ours, but becomes equal to ours without regard to upper and lower
    case, full width, and blanks at both ends: the refund may be ours."""
    if key == instruction.key:
        return False
    return unicodedata.normalize("NFKC", key).strip().casefold() == instruction.key.casefold()


def _list_objects(value: object) -> list[Fields]:
    """Return the JSON objects in a list; an empty list for any value that is no list."""
    rows = value if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, dict)]
