"""SQL conditions by which a server compares a person's words in a row with the words in the person's desk request.

A worker writes notes, reasons and evidence in the name of the person for whom it acts. The request can't be changed,
and only the person could insert it. So a row in the person's name contains exactly the text that the person has
typed. A faulty worker program, or a thief of its password, can't write another text.
"""

_EVIDENCE_PATH = "$[3]"
"""JSON path of the person's evidence (if it is a text) in the arguments of the command `resolve`."""
_PROVIDER_ID_PATH = "$[4]"
"""JSON path of the id that the provider has given to the purchase, payment or refund, in the arguments of the command
`resolve`.
"""
_REASON_PATH = "$[6]"
"""JSON path of the stated reason in the arguments of the command `resolve`."""


def is_request_argument_sql(value_sql: str, path: str) -> str:
    """Return an SQL condition: the argument of the desk request `r` at `path` (a JSON path such as `$[2]`) is equal
    to the value `value_sql` (SQL of a text or a number). The values are compared as texts, byte by byte. The
    condition is false if there is no such argument.
    """
    return f"COALESCE(CAST({value_sql} AS BINARY) = CAST({_make_argument_sql(path)} AS BINARY), FALSE)"


def has_words_of_person_sql(column: str, path: str) -> str:
    """Return an SQL condition: the text in `column` is the text that the person has typed, without white space at
    both ends. The typed text is at `path` (a JSON path) in the arguments of the desk request `r`. The condition is
    false if the request has no such text.

    The services remove white space at both ends of a person's words before they store them. So the condition is true
    if the argument contains the stored words, and has only white space before and after them. The services also
    remove other invisible characters, but a desk does so, too, before it sends the words
    (`services/desk_requests/typed_words.py`).
    """
    words, text = f"CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin", _make_argument_sql(path)
    text_without_words = (
        f"CONCAT(LEFT({text}, LOCATE({words}, {text}) - 1), SUBSTRING({text}, LOCATE({words}, {text})"
    )
    return (
        f"COALESCE(LOCATE({words}, {text}) > 0 AND NOT {text_without_words} + CHAR_LENGTH({words})))"
        " REGEXP '[^[:space:][:cntrl:]]', FALSE)"
    )


def has_seen_version_sql(version_sql: str, path: str) -> str:
    """Return an SQL condition: the person who sent the desk request `r` saw the version `version_sql` (SQL of a
    number) of the record. The request states the version that the person saw in the argument at `path` (a JSON path).
    The condition is also true if the request states no version, as the request of a command without `--saw`.
    """
    is_any_version_sql = f"COALESCE({_make_argument_sql(path)}, 'null') = 'null'"
    return f"({is_any_version_sql} OR {is_request_argument_sql(version_sql, path)})"


def _make_argument_sql(path: str) -> str:
    """Return SQL of the argument of the desk request `r` at `path` (a JSON path), as a text. It is NULL if the
    request has no such argument.
    """
    return f"CONVERT(JSON_UNQUOTE(JSON_EXTRACT(r.args, '{path}')) USING utf8mb4) COLLATE utf8mb4_bin"


def _make_is_typed_id_at_provider_sql(id_at_provider_sql: str) -> str:
    """Return an SQL condition: `id_at_provider_sql` (SQL of a text) is the id that the provider has given to the
    purchase, payment or refund, as the person has typed it in the desk request `r`. The services remove white space
    at the beginning and end of the id and, for AlarmBox, leading zeros. So the condition ignores this white space and
    these zeros, too.
    """
    argument = f"TRIM(LEADING '0' FROM {_make_argument_sql(_PROVIDER_ID_PATH)})"
    return (
        f"({has_words_of_person_sql(id_at_provider_sql, _PROVIDER_ID_PATH)}"
        f" OR COALESCE(CAST({id_at_provider_sql} AS BINARY) = CAST({argument} AS BINARY), FALSE))"
    )


def _make_is_typed_evidence_sql() -> str:
    """Return an SQL condition: the new row of `evidence` has the text that the person has typed as evidence in the
    desk request `r`, and the SHA-256 of the row's text. Before the typed text the row may have a line `number ID`
    with the provider's id that the person has typed, or `no number`.
    """
    evidence = _make_argument_sql(_EVIDENCE_PATH)
    head = f"LEFT(NEW.body, CHAR_LENGTH(NEW.body) - CHAR_LENGTH({evidence}))"
    number = f"SUBSTRING({head}, 8, CHAR_LENGTH({head}) - 8)"
    return (
        f"COALESCE(CAST(RIGHT(NEW.body, CHAR_LENGTH({evidence})) AS BINARY) = CAST({evidence} AS BINARY)"
        " AND NEW.sha256 = SHA2(CONVERT(NEW.body USING utf8mb4), 256)"
        f" AND (CHAR_LENGTH({head}) = 0 OR CAST({head} AS BINARY) = CONCAT('no number', CHAR(10))"
        f" OR CAST({head} AS BINARY) = CONCAT('number ', {number}, CHAR(10))"
        f" AND {_make_is_typed_id_at_provider_sql(number)}), FALSE)"
    )


_IS_EVIDENCE_FILE_SQL = (
    "(CAST(NEW.sha256 AS BINARY) = r.evidence_sha256 OR NEW.body LIKE 'number %' OR NEW.body LIKE 'no number%')"
)
"""SQL condition: the new row of `evidence` has the digest of the file in the desk request `r`, or its text begins
with a line about the provider's id (`number ID` or `no number`). With such a line the row has another digest than the
file, so the digest isn't compared. The text of the file isn't compared either, because a server can't decode every
byte as this program does.
"""


def _make_has_reason_as_summary_sql() -> str:
    """Return an SQL condition: the new row of `evidence` has as its `summary` the reason that the person has stated
    in the desk request `r`, in the form `[CODE] WORDS`. If the person has stated no reason, `summary` must be the
    first 200 characters of the evidence, with or without a space before them.
    """
    code = _make_argument_sql(f"{_REASON_PATH}.of.code.is")
    beginning = "CAST(LEFT(NEW.body, 200) AS BINARY)"
    return (
        f"IF(COALESCE({_make_argument_sql(_REASON_PATH)}, 'null') = 'null',"
        f" CAST(NEW.summary AS BINARY) IN ({beginning}, CONCAT(' ', {beginning})),"
        f" COALESCE(CAST(LEFT(NEW.summary, CHAR_LENGTH({code}) + 3) AS BINARY) = CAST(CONCAT('[', {code}, '] ')"
        f" AS BINARY), FALSE) AND "
        + has_words_of_person_sql(f"SUBSTRING(NEW.summary, CHAR_LENGTH({code}) + 4)", f"{_REASON_PATH}.of.words")
        + ")"
    )


IS_EVIDENCE_OF_REQUEST_SQL = (
    f"r.action = 'resolve'"
    f" AND IF(r.evidence_sha256 IS NULL, {_make_is_typed_evidence_sql()}, {_IS_EVIDENCE_FILE_SQL})"
    f" AND {_make_has_reason_as_summary_sql()}"
)
"""SQL condition: the new row of `evidence` has the evidence and the reason that the person has given in the desk
request `r`."""
