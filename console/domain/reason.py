"""Types of the reason and problem in `ConsoleError.detail`: a member of a closed set, or text of another program."""

from enum import StrEnum
from typing import NewType

Text = NewType("Text", str)
"""Text of another program that is used as a reason or problem: a message of the operating system, the database server
or the parser of the command line, or a provider's own word.
"""


class Reason(StrEnum):
    """Base of the enumerations of reasons and problems. A stored answer has a member as plain text."""
