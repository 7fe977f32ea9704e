"""Returns the error with which a call is refused, or its code."""

from collections.abc import Callable

import pytest

from console.domain.errors import ConsoleError


def refusal(call: Callable[..., object], *given: object) -> ConsoleError:
    """Call `call` with these arguments, and return the ConsoleError that it raises. The test fails if it
    raises none.
    """
    with pytest.raises(ConsoleError) as caught:
        call(*given)
    return caught.value


def code_of(call: Callable[[], object]) -> str:
    """Call `call`, and return the code of the ConsoleError that it raises. The test fails if it raises none."""
    return refusal(call).code
