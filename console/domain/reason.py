"""Types of `reason` and `problem` in `ConsoleError.detail`: a member of an enumeration of this program, or a text
that another program wrote.
"""

from enum import StrEnum
from typing import NewType

ForeignText = NewType("ForeignText", str)
"""Text of another program that is used as a reason or problem: a message of the operating system, of the database
server or of the parser of the command line, or a provider's own word.
"""


class Reason(StrEnum):
    """Base class of the enumerations of reasons and problems in `ConsoleError.detail`. If an error is stored as
    the answer to a request, its reason is stored as plain text."""
