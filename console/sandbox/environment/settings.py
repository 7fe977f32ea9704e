"""Settings that apply to all calls to the sandbox, whereas a fault applies to a single call."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class SandboxSettings:
    """Settings of one sandbox. With the default values the simulated providers work without faults. All parts of the
    sandbox share this object, so it is changed in place. docs/sandbox.md describes each setting.
    """

    delay_seconds: float = 0.0  # pause before each provider call is handled
    spacing_seconds: float = 0.0  # a provider refuses a call that starts sooner after its last one (not token calls)
    access_token_seconds: float = 86400.0  # lifetime of an access token
    revokes_old_access_token: bool = True  # the first use of a new pair revokes the old access token too
    offers_purchase_list: bool = False  # GET /ps/v1/credit_checks?corporation_number=N exists
    answers_403_after_expiration: bool = False  # detail and PDF are answered 403 after the expiration date
    purchase_status: int = 201  # 200 or 201: the descriptions of the API differ
    settle_seconds: float = 0.0  # time until an accepted refund or cancel is executed
    waits_for_manual_settling: bool = False  # only the control API executes accepted refunds and cancels
    completes_refunds_at_once: bool = False  # the answer to a refund already reports its completion
    accepts_refunds_above_captured: bool = False  # refunds above the captured amount are accepted
    notice_retries: int = 3  # retries of a PayPay notice that was not answered 200, 100 ms apart
    notice_seconds: float = 2.0  # timeout of a notice's answer
    paypay_code_seconds: float = 300.0  # lifetime of a payment code
    paypay_allows_several_refunds: bool = True  # the contract allows several refunds of one payment
    paypay_refund_limit: int = 50  # maximum number of refunds of one payment
    paypay_repeats_first_code: bool = False  # a repeated merchantPaymentId is answered with the first code
    paypay_lists_failed_payments: bool = False  # the reconciliation file contains failed payments too
    atom_sends_instrument_list: bool = True  # payInstrument of a verification is a list instead of an object
    atom_sends_status_list: bool = False  # refundStatusDetails is a list instead of an object
    atom_sends_refund_in_paise: bool = False  # refundAmt of a refund's status is in paise

    def change_setting(self, name: str, value: object) -> None:
        """Set one setting of the sandbox to a new value.

        Raises `ValueError` for an unknown name or a wrong type.
        """
        present_value = getattr(self, name) if name in {f.name for f in fields(self)} else None
        if present_value is None:
            raise ValueError(f"{name} can't be set")
        if isinstance(present_value, bool) != isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name} must be like {present_value!r}")
        setattr(self, name, type(present_value)(value))

    def reset(self) -> None:
        for name, value in ((f.name, f.default) for f in fields(self)):
            setattr(self, name, value)
