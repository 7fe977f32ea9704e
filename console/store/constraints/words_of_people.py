"""SQL conditions by which a server compares a person's words in a row with the words in the person's desk request.

A worker writes notes, reasons and evidence in the name of the person for whom it acts. The request can't be changed,
and only the person could insert it. So a row in the person's name says what the person has typed, whatever the
worker's program or whoever has its password would like to write.
"""

_PROOF_PATH, _NUMBER_PATH, _REASON_PATH = "$[3]", "$[4]", "$[6]"
"""JSON paths of the arguments of the command `resolve`: the person's evidence (if it is a text), the number that the
provider has given, and the stated reason.
"""


def is_argument_sql(value_sql: str, path: str) -> str:
    """Return an SQL condition: the desk request `r` has the value `value_sql` (SQL of a text or a number) at `path`
    (a JSON path) of its arguments. Both are compared as texts, byte by byte. False if there is no such argument.
    """
    return f"COALESCE(CAST({value_sql} AS BINARY) = CAST({_make_argument_sql(path)} AS BINARY), FALSE)"


def has_words_of_person_sql(column: str, path: str) -> str:
    """Return an SQL condition: the text in `column` is what the person has typed, without white space at both ends:
    the text at `path` (a JSON path) of the arguments of the desk request `r`. False if the request has no such text.

    The services store a person's words as `str.strip` returns them. So the words are found in the argument, and what
    stands before and after them there must be white space.
    """
    words, text = f"CONVERT({column} USING utf8mb4) COLLATE utf8mb4_bin", _make_argument_sql(path)
    rest = f"CONCAT(LEFT({text}, LOCATE({words}, {text}) - 1), SUBSTRING({text}, LOCATE({words}, {text})"
    return (
        f"COALESCE(LOCATE({words}, {text}) > 0 AND NOT {rest} + CHAR_LENGTH({words})))"
        " REGEXP '[^[:space:][:cntrl:]]', FALSE)"
    )


def _make_argument_sql(path: str) -> str:
    return f"CONVERT(JSON_UNQUOTE(JSON_EXTRACT(r.args, '{path}')) USING utf8mb4) COLLATE utf8mb4_bin"


def _make_is_same_number_sql(number_sql: str) -> str:
    """Return an SQL condition: `number_sql` (SQL of a text) is the provider's number in the desk request `r`. The
    services drop white space at both ends, and leading zeros of a number of AlarmBox.
    """
    argument = f"TRIM(LEADING '0' FROM {_make_argument_sql(_NUMBER_PATH)})"
    return (
        f"({has_words_of_person_sql(number_sql, _NUMBER_PATH)}"
        f" OR COALESCE(CAST({number_sql} AS BINARY) = CAST({argument} AS BINARY), FALSE))"
    )


def _make_is_text_of_proof_sql() -> str:
    """Return an SQL condition: the new row of `evidence` has the text that the person has typed as evidence, perhaps
    after a line with the provider's number, and the digest of its text.
    """
    proof = _make_argument_sql(_PROOF_PATH)
    head = f"LEFT(NEW.body, CHAR_LENGTH(NEW.body) - CHAR_LENGTH({proof}))"
    number = f"SUBSTRING({head}, 8, CHAR_LENGTH({head}) - 8)"
    return (
        f"COALESCE(CAST(RIGHT(NEW.body, CHAR_LENGTH({proof})) AS BINARY) = CAST({proof} AS BINARY)"
        " AND NEW.sha256 = SHA2(CONVERT(NEW.body USING utf8mb4), 256)"
        f" AND (CHAR_LENGTH({head}) = 0 OR CAST({head} AS BINARY) = CONCAT('no number', CHAR(10))"
        f" OR CAST({head} AS BINARY) = CONCAT('number ', {number}, CHAR(10))"
        f" AND {_make_is_same_number_sql(number)}), FALSE)"
    )


_IS_FILE_OF_PROOF_SQL = (
    "(CAST(NEW.sha256 AS BINARY) = r.evidence_sha256 OR NEW.body LIKE 'number %' OR NEW.body LIKE 'no number%')"
)
"""SQL condition: the new row of `evidence` has the digest of the file in the desk request `r`. The digest of a file
after a line with the provider's number is another one, which isn't compared; nor is the readable text of a file, of
which a server can't decode every byte as this program does.
"""


def _make_is_summary_of_proof_sql() -> str:
    """Return an SQL condition: the summary of the new row of `evidence` is the reason that the person has stated; or,
    without a reason, the beginning of the evidence, perhaps after a space.
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
    f"r.action = 'resolve' AND IF(r.evidence_sha256 IS NULL, {_make_is_text_of_proof_sql()}, {_IS_FILE_OF_PROOF_SQL})"
    f" AND {_make_is_summary_of_proof_sql()}"
)
"""SQL condition: the new row of `evidence` has what the person has given with the desk request `r`."""
