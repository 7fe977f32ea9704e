"""The JSON object of an error. Most errors have no record in their details, so the modules of records are imported
only for an error with a record."""

from console.cli.json_output.values import JsonObject, TranslateFunction, build_value_json
from console.domain.errors import ConsoleError


def build_error_json(error: ConsoleError, message: str, translate: TranslateFunction) -> JsonObject:
    """Return an error as the JSON object of a refused command. `message` is the sentence about it."""

    def build_object_json(value: object) -> JsonObject:
        from console.cli.json_output.records import build_any_value_json  # only for details with a record

        json_object: JsonObject = build_any_value_json(value, translate)
        return json_object

    detail = build_value_json(error.detail, build_object_json)
    return {"code": error.code, "message": message, "detail": detail}
