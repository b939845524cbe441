"""ROW, ARRAY and MAP: reaching into them, making them, reading them from JSON and writing them as JSON."""

from __future__ import annotations

from forebay.streamsql.nodes import Type
from forebay.streamsql.types import FLOATS, INTEGERS, ISO_TIME, SQL_TIME, TEXTS, TIMES, duck, literal, quoted


def pointer(name: str) -> str:
    """The JSON pointer of a field, as SQL."""
    return literal("/" + name.replace("~", "~0").replace("/", "~1"))


def read(text: str, type_: Type, iso: bool, depth: int = 0) -> str:
    """SQL of a value of `type_` from its JSON text; what does not fit is NULL."""
    if type_.name == "ROW":
        fields = ", ".join(
            f"{quoted(name)} := {read(_at(text, pointer(name)), each, iso, depth)}" for name, each in type_.of
        )
        return f"(CASE WHEN TRY(json_type({text})) = 'OBJECT' THEN struct_pack({fields}) END)"
    item = f"w{depth}"
    if type_.name == "ARRAY":
        element = read(_plain(item), type_.of[0][1], iso, depth + 1)
        items = f"list_transform(TRY(json_extract({text}, '$[*]')), lambda {item}: {element})"
        return f"(CASE WHEN TRY(json_type({text})) = 'ARRAY' THEN {items} END)"
    if type_.name == "MAP":
        (_, key), (_, value) = type_.of
        # Keys of JSON are text, and need their place as a path of their own.
        place = f"json_extract({text}, '$.\"' || replace({item}, '\"', '\\\"') || '\"')"
        entry = f"struct_pack(key := {leaf(item, key, iso)}, value := {read(_plain(place), value, iso, depth + 1)})"
        entries = f"map_from_entries(list_transform(json_keys({text}), lambda {item}: {entry}))"
        return f"(CASE WHEN TRY(json_type({text})) = 'OBJECT' THEN {entries} END)"
    return leaf(text, type_, iso)


def _at(text: str, place: str) -> str:
    return f"TRY(json_extract_string({text}, {place}))"


def _plain(json: str) -> str:
    return f"TRY({json} ->> '$')"


def leaf(text: str, type_: Type, iso: bool) -> str:
    """SQL of a plain value from the text that it is in JSON."""
    if type_.name in TEXTS:
        return text
    if type_.name in INTEGERS:
        return (
            f"coalesce(TRY_CAST(trim({text}) AS {duck(type_)}), "
            f"TRY_CAST(trunc(TRY_CAST({text} AS DOUBLE)) AS {duck(type_)}))"
        )
    if type_.name == "BOOLEAN":
        return f"(lower(trim({text})) = 'true')"
    if type_.name in TIMES:
        pattern, given = (ISO_TIME if iso else SQL_TIME), text
        if type_.name == "TIMESTAMP_LTZ":
            pattern, given = pattern[:-1] + "Z$", f"rtrim({text}, 'Z')"
        return f"(CASE WHEN regexp_matches({text}, '{pattern}') THEN TRY_CAST({given} AS TIMESTAMP) END)"
    if type_.name in FLOATS or type_.name == "DECIMAL":
        return f"TRY_CAST(trim({text}) AS {duck(type_)})"
    return f"TRY_CAST({text} AS {duck(type_)})"


def shown(value: str, type_: Type, iso: bool, depth: int = 0) -> str:
    """SQL of what `to_json` makes Flink's JSON of."""
    if type_.name == "ROW":
        fields = ", ".join(
            f"{quoted(name)} := {shown(f'{value}.{quoted(name)}', each, iso, depth)}"
            for name, each in type_.of
        )
        return f"(CASE WHEN {value} IS NOT NULL THEN struct_pack({fields}) END)"
    item = f"v{depth}"
    if type_.name == "ARRAY":
        return f"list_transform({value}, lambda {item}: {shown(item, type_.of[0][1], iso, depth + 1)})"
    if type_.name == "MAP":
        inside = shown(f"{item}.value", type_.of[1][1], iso, depth + 1)
        return (
            f"map_from_entries(list_transform(map_entries({value}), "
            f"lambda {item}: struct_pack(key := CAST({item}.key AS VARCHAR), value := {inside})))"
        )
    if type_.name in TIMES:
        form = "%Y-%m-%dT%H:%M:%S.%f" if iso else "%Y-%m-%d %H:%M:%S.%f"
        zone = " || 'Z'" if type_.name == "TIMESTAMP_LTZ" else ""
        return f"regexp_replace(strftime({value}, '{form}'), '\\.?0+$', ''){zone}"
    return value


def as_json(value: str, type_: Type, iso: bool) -> str:
    """SQL of the JSON text of a value."""
    return f"CAST(to_json({shown(value, type_, iso)}) AS VARCHAR)"
