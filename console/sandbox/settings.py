"""What can be set for all calls of the sandbox, as opposed to faults, which are for single ones."""

from dataclasses import dataclass


@dataclass(slots=True)
class Settings:
    """Defaults are those of a well-behaved provider."""

    delay_seconds: float = 0.0  # before every provider call is looked at
    spacing_seconds: float = 0.0  # calls that start closer than this are answered 429
    list_call: bool = False  # GET /ps/v1/credit_checks?corporation_number=N exists
    expired_is_forbidden: bool = False  # detail and PDF answer 403 after the expiration date
    purchase_status: int = 201  # one public note says 200, another 201
