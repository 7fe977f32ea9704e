"""Functions that build the JSON object of a search: the found corporations, in the form of `registry find`, and
the found records.
"""

from console.cli.alerts.alerts import build_alert_json
from console.cli.json_output.records import JsonObject, TranslateFunction, build_record_json
from console.cli.json_output.registry import build_registry_matches_json
from console.domain.lookup.search_query import SearchQuery
from console.domain.lookup.search_result import SearchResult
from console.domain.queues.filter_text import format_filter

_JSON_LIST_NAME_BY_RECORD_KIND = {
    "payment": "payments",
    "refund": "refunds",
    "credit-check": "credit_checks",
    "order": "orders",
}


def build_search_json(result: SearchResult, translate: TranslateFunction) -> JsonObject:
    """Return the result of a search as JSON: the found corporations in `items`, and the found records in one list for
    each kind.

    - `more`: the names of the lists that don't contain all matches
    - `partial`: the names of the lists of which the search has read only a part of the records
    - `exact`: kind and id of the record that the whole text identifies (`SearchResult.exact_match`), null if there is
      none
    """
    cut_record_lists = [
        _JSON_LIST_NAME_BY_RECORD_KIND[kind] for kind, group in result.records_by_kind.items() if group.has_more
    ]
    records = {
        _JSON_LIST_NAME_BY_RECORD_KIND[kind]: [build_record_json(record, translate) for record in group.records]
        for kind, group in result.records_by_kind.items()
    }
    exact_match = None if result.exact_match is None else {"kind": result.exact_match[0], "id": result.exact_match[1]}
    return {
        **build_registry_matches_json(result.companies, translate),
        **records,
        "operations": [build_record_json(operation, translate) for operation in result.operations],
        "alerts": [build_alert_json(alert, translate) for alert in result.alerts],
        "exact": exact_match,
        "more": [*(["items"] if result.companies.has_more else []), *cut_record_lists],
        "partial": [
            _JSON_LIST_NAME_BY_RECORD_KIND[kind] for kind, group in result.records_by_kind.items() if group.is_partial
        ],
        **_build_search_query_json(result.query),
    }


def _build_search_query_json(query: SearchQuery) -> JsonObject:
    """Return the parsed search text as JSON: its filter conditions, its days, its words, and the words that could
    not be understood.
    """
    days = None if query.days is None else {"from": query.days.first.isoformat(), "to": query.days.last.isoformat()}
    return {
        "filter": format_filter(query.record_filter),
        "days": days,
        "words": query.words,
        "problems": [{"code": problem.kind.value, "word": problem.word} for problem in query.problems],
    }
