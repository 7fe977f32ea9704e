"""What can be set for all calls of the sandbox, as opposed to faults, which are for single ones."""

from dataclasses import dataclass, fields


@dataclass(slots=True)
class Settings:
    """The defaults are those of a well-behaved provider; shared by all parts, so it is changed in place."""

    delay_seconds: float = 0.0  # before every provider call is looked at
    spacing_seconds: float = 0.0  # calls that start closer than this are answered 429 (token calls don't count)
    access_token_seconds: float = 86400.0  # how long an access token lives
    old_access_dies: bool = True  # the first use of a new pair ends the old access token too
    list_call: bool = False  # GET /ps/v1/credit_checks?corporation_number=N exists
    expired_is_forbidden: bool = False  # detail and PDF are answered 403 after the expiration date
    purchase_status: int = 201  # one public note says 200, another 201
    settle_seconds: float = 0.0  # after acceptance refunds and cancels are executed, and a later read tells
    settle_by_hand: bool = False  # they wait for the control room instead
    refund_at_once: bool = False  # the answer to a refund already says that it is done
    over_refunds: bool = False  # refunds above what was captured are accepted
    notice_retries: int = 3  # how often a PayPay notice that was not answered 200 is sent again, 100 ms apart
    notice_seconds: float = 2.0  # how long an answer to a notice is waited for
    paypay_code_seconds: float = 300.0  # how long a code can be paid
    paypay_multiple_refunds: bool = True  # the contract allows several refunds of one payment
    paypay_refund_limit: int = 50  # so many refunds of one payment
    paypay_repeated_code: bool = False  # a repeated merchantPaymentId is answered with the first code
    paypay_recon_failures: bool = False  # the reconciliation file lists failed payments too
    atom_list: bool = True  # payInstrument of a verification comes as a list, not as an object
    atom_status_list: bool = False  # refundStatusDetails comes as a list, not as an object
    atom_refund_paise: bool = False  # refundAmt of a refund's status is in paise

    def change(self, name: str, value: object) -> None:
        """Set one of them. Raises `ValueError` for a name or a type that doesn't fit."""
        present = getattr(self, name) if name in {f.name for f in fields(self)} else None
        if present is None:
            raise ValueError(f"{name} can't be set")
        if isinstance(present, bool) != isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{name} must be like {present!r}")
        setattr(self, name, type(present)(value))

    def reset(self) -> None:
        for name, value in ((f.name, f.default) for f in fields(self)):
            setattr(self, name, value)
