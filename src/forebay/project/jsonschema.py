"""The JSON Schema of `forebay.yaml`, for editors; what it cannot say, `forebay check` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_origin

from forebay.project.fields import SpecField, choices, fields_of, is_spec
from forebay.project.model import Location, Ref, Spec
from forebay.project.section import Section
from forebay.project.settings import NAME, Settings
from forebay.project.written import shown

Json = dict[str, Any]

_PATTERNS = {
    "duration": r"^([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d|w))+$",
    "size": r"^[0-9]+(\.[0-9]+)?\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)$",
    "rate": r"^[0-9]+(\.[0-9]+)?\s*/\s*(s|min|m|h)$",
    "route": r"^(POST|PUT|PATCH|post|put|patch)\s+/",
    "clock": r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
    "span": r"^([01][0-9]|2[0-3]):[0-5][0-9]\s*-\s*([01][0-9]|2[0-3]):[0-5][0-9]$",
}
_SCALAR: list[str] = ["string", "number", "boolean"]  # text may be written without quotes


def schema_of(sections: Sequence[Section]) -> Json:
    """The schema (draft 2020-12)."""
    defs: Json = {}
    settings = _object(Settings, defs)
    settings["properties"]["name"]["pattern"] = f"^{NAME}$"
    for section in sections:
        settings["properties"][section.noun] = _section(section, defs)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "forebay.yaml",
        **settings,
        "$defs": dict(sorted(defs.items())),
    }


def _section(section: Section, defs: Json) -> Json:
    described = {"title": section.title, "description": section.doc}
    specs = [section.spec, *section.variants.values()]
    references = [_reference(spec, defs) for spec in specs]
    entry = references[0] if len(references) == 1 else {"anyOf": references}
    if section.single:
        return {**described, **entry}
    if not any(field.required for field in fields_of(section.spec)):
        entry = {"anyOf": [entry, {"type": "null"}]}
    return {
        **described,
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{section.pattern}$"},
        "additionalProperties": entry,
    }


def _reference(spec: type[Spec], defs: Json) -> Json:
    name = spec.__name__
    if name not in defs:
        defs[name] = {}  # stands for itself while its fields are looked at
        defs[name] = _shapes(spec, defs)
    return {"$ref": f"#/$defs/{name}"}


def _shapes(spec: type[Spec], defs: Json) -> Json:
    """A spec as an object, and in its short forms."""
    whole = _object(spec, defs)
    shapes = [whole]
    if spec.keyed is not None:
        rest = {**whole, "required": [key for key in whole.get("required", []) if key != spec.keyed]}
        shapes.append(
            {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": rest}
        )
    if spec.scalar_doc is not None:
        shapes.append({"type": "string", "description": spec.scalar_doc})
    return whole if len(shapes) == 1 else {"description": whole["description"], "anyOf": shapes}


def _object(spec: type[Spec], defs: Json) -> Json:
    fields = fields_of(spec)
    made: Json = {
        "type": "object",
        "description": (spec.__doc__ or "").partition("\n")[0],
        "additionalProperties": False,
        "properties": {field.key: _field(field, defs) for field in fields},
    }
    required = [field.key for field in fields if field.required]
    if required:
        made["required"] = required
    if spec.one_of:
        made["oneOf"] = [{"required": [key]} for key in spec.one_of]
    return made


def _field(field: SpecField, defs: Json) -> Json:
    made: Json = {"description": field.meta.doc}
    if field.meta.later is not None:
        made["description"] += f" Not yet: {field.meta.later}."
    default = field.default
    if default not in (None, [], {}) and not isinstance(default, Spec | list | dict):
        made["default"] = default if field.meta.kind == "text" else shown(default, field)
    if field.meta.example is not None:
        made["description"] += f" Example: `{field.meta.example}`"
    shape = _type(field.type, field, defs)
    if field.nullable or not field.required:
        shape = {"anyOf": [shape, {"type": "null"}]}
    return {**made, **shape}


def _type(kind: Any, field: SpecField, defs: Json) -> Json:
    if get_origin(kind) is list:
        item = _type(kind.__args__[0], field, defs)
        many: Json = {"type": "array", "items": item}
        return {"anyOf": [many, item]} if field.meta.one else many
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": _type(kind.__args__[1], field, defs)}
    if is_spec(kind):
        return _reference(kind, defs)
    if words := choices(kind):
        return {"enum": list(words)}
    if kind is Any:
        return {}
    if kind is bool:
        return {"type": "boolean"}
    if kind is Ref:
        return {"type": "string", "pattern": rf"^({'|'.join(field.meta.refs)})\."}
    if kind is Location:
        return {"type": "string", "pattern": r"^(lake\.|s3://)[a-z0-9]"}
    if field.meta.kind in _PATTERNS:
        return {"type": "string", "pattern": _PATTERNS[field.meta.kind]}
    if kind in (int, float):
        return _number(kind, field)
    return {"type": _SCALAR if field.meta.kind == "text" else "string"}


def _number(kind: Any, field: SpecField) -> Json:
    made: Json = {"type": "integer" if kind is int and field.meta.kind == "text" else "number"}
    if field.meta.kind != "megabytes":
        for key, bound in (("minimum", field.meta.minimum), ("maximum", field.meta.maximum)):
            if bound is not None:
                made[key] = bound
    return made
