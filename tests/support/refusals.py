"""Returns the error with which a call is refused, or the code of this error, or checks the code."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from console.domain.errors import ConsoleError


def call_for_refusal(call: Callable[..., object], *given: object) -> ConsoleError:
    """Call `call` with these arguments, and return the ConsoleError that it raises. The test fails if it
    raises none.
    """
    with pytest.raises(ConsoleError) as caught:
        call(*given)
    return caught.value


def call_for_refusal_code(call: Callable[[], object]) -> str:
    """Call `call`, and return the code of the ConsoleError that it raises. The test fails if it raises none."""
    return call_for_refusal(call).code


def call_and_get_code(call: Callable[..., object]) -> str:
    """Call `call`. Return "done", or the code of the ConsoleError that it raises. Any other exception leaves this
    function.
    """
    try:
        call()
    except ConsoleError as refusal:
        return refusal.code
    return "done"


@contextmanager
def expect_refusal(code: str) -> Iterator[None]:
    """Assert that the code in the block is refused with this error code."""
    with pytest.raises(ConsoleError) as caught:
        yield
    assert caught.value.code == code
