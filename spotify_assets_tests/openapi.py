"""Spotify's own description of the Web API as a strict check of answers: simulated, recorded, or fixtures.

The description (OpenAPI 3.0.3) lies with the real inputs. On top of it comes `openapi_overlay.yaml`, and one rule: an
object may hold only keys that are declared, so that a misspelt one is noticed.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml
from jsonschema import Draft202012Validator, FormatChecker

Schema: TypeAlias = dict[str, Any]  # JSON Schema has no narrower type that stays readable

OVERLAY = Path(__file__).with_name("openapi_overlay.yaml")
REAL_DATA = Path(os.environ.get("REAL_DATA", Path(__file__).parents[2] / "shared" / "real"))
DESCRIPTION = REAL_DATA / "openapi" / "fixed-spotify-open-api.yml"
_REF = "#/components/schemas/"
_ERRORS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests"
}  # fmt: skip
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_date_time(value: object) -> bool:
    return not isinstance(value, str) or (value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None)


class Description:
    """The description with the overlay applied. Validators are made once."""

    def __init__(self, document: Schema, overlay: Mapping[str, list[Schema]]) -> None:
        self._document = document
        self._schemas: Schema = document["components"]["schemas"]
        _apply(self._schemas, overlay)
        self._strict = {name: self._convert(schema) for name, schema in self._schemas.items()}
        self._validators: dict[str, Draft202012Validator] = {}

    def problems(self, path: str, status: int, body: object) -> list[str]:
        """What is wrong with the answer of `GET path` (as the description spells it); [] when nothing is."""
        key = f"{path} {status if status in (200, *_ERRORS) else 400}"
        if key not in self._validators:
            self._validators[key] = self._validator(self._convert(self._answer(path, status)))
        return _sentences(self._validators[key], body)

    def problems_of(self, schema: str, value: object) -> list[str]:
        """What is wrong with one object of a named schema."""
        if schema not in self._validators:
            self._validators[schema] = self._validator({"$ref": f"#/$defs/{schema}"})
        return _sentences(self._validators[schema], value)

    def _validator(self, schema: Schema) -> Draft202012Validator:
        return Draft202012Validator({**schema, "$defs": self._strict}, format_checker=_FORMATS)

    def _answer(self, path: str, status: int) -> Schema:
        if status in _ERRORS:
            answer = self._document["components"]["responses"][_ERRORS[status]]
        else:
            answer = self._document["paths"][path]["get"]["responses"][str(status)]
            if "$ref" in answer:
                answer = self._document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        schema: Schema = answer["content"]["application/json"]["schema"]
        return schema

    def _convert(self, schema: Schema) -> Schema:
        """From OpenAPI 3.0 to JSON Schema: `nullable`, references, `allOf` merged into one closed object."""
        if "$ref" in schema:
            return {"$ref": "#/$defs/" + schema["$ref"].removeprefix(_REF)}
        parts = schema.get("allOf", [])
        if len(parts) == 1 and "$ref" in parts[0] and "properties" not in schema:
            converted = self._convert(parts[0])
        else:
            converted = self._convert_plain(self._merge(schema))
        return {"anyOf": [converted, {"type": "null"}]} if schema.get("nullable") else converted

    def _convert_plain(self, schema: Schema) -> Schema:
        kept = {key: schema[key] for key in ("type", "enum", "const", "format", "minimum", "maximum") if key in schema}
        if "oneOf" in schema:
            kept["oneOf"] = [self._convert(each) for each in schema["oneOf"]]
        if "items" in schema:
            kept["items"] = self._convert(schema["items"])
        if "properties" in schema:
            kept |= {
                "type": "object",
                "properties": {name: self._convert(each) for name, each in schema["properties"].items()},
                "required": schema.get("required", []),
                "additionalProperties": False,
            }
        return kept

    def _merge(self, schema: Schema) -> Schema:
        """One schema of all parts of an `allOf`: `additionalProperties` would else look at each part alone."""
        merged = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema.get("allOf", []):
            whole = self._merge(self._schemas[part["$ref"].removeprefix(_REF)] if "$ref" in part else part)
            for key, value in whole.items():
                if key == "properties":
                    merged[key] = {**value, **merged.get(key, {})}
                elif key == "required":
                    merged[key] = sorted({*value, *merged.get(key, [])})
                else:
                    merged.setdefault(key, value)
        return merged


@lru_cache(maxsize=1)
def description() -> Description:
    """The description with the overlay, read once. Raises FileNotFoundError without the real inputs."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with DESCRIPTION.open(encoding="utf-8") as text:
        document = yaml.load(text, loader)  # noqa: S506 - a safe loader, the fast one where there is one
    return Description(document, yaml.safe_load(OVERLAY.read_text(encoding="utf-8")))


def _apply(schemas: Schema, overlay: Mapping[str, list[Schema]]) -> None:
    """Changes the schemas by the overlay; a line that names nothing fails, so that the overlay can't go stale."""
    for action, lines in overlay.items():
        for line in lines:
            schema, _, name = line["at"].partition(".")
            part = _part_with(schemas[schema], name, is_new=action == "also")
            if action == "nullable":
                part["properties"][name]["nullable"] = True
            elif action == "optional":
                for each in (schemas[schema], part):
                    each["required"] = [kept for kept in each.get("required", []) if kept != name]
            elif action == "required":
                part.setdefault("required", []).append(name)
            else:
                part["properties"][name] = line["schema"]


def _part_with(schema: Schema, name: str, *, is_new: bool) -> Schema:
    """The part of a schema that declares a property, or, for a new one, that declares any."""
    for part in [schema, *schema.get("allOf", [])]:
        if name in part.get("properties", {}) or (is_new and "properties" in part):
            found: Schema = part
            return found
    raise LookupError(f"the overlay names {name}, which the description doesn't have there")


def _sentences(validator: Draft202012Validator, value: object) -> list[str]:
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]
