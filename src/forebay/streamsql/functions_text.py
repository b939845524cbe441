"""Functions of text in Flink SQL, as DuckDB's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from forebay.streamsql.nodes import Type
from forebay.streamsql.types import BOOLEAN, INT, STRING, Made, Own, Texts, Typed, literal

STRINGS = Type("ARRAY", of=(("element", STRING),))
PAIRS = Type("MAP", of=(("key", STRING), ("value", STRING)))

PLAIN: dict[str, tuple[str, str, Type | None]] = {
    "UPPER": ("t", "upper({0})", STRING),
    "LOWER": ("t", "lower({0})", STRING),
    "CHAR_LENGTH": ("t", "CAST(length({0}) AS INTEGER)", INT),
    "CHARACTER_LENGTH": ("t", "CAST(length({0}) AS INTEGER)", INT),
    "OCTET_LENGTH": ("t", "CAST(strlen({0}) AS INTEGER)", INT),
    "REVERSE": ("t", "reverse({0})", STRING),
    "REPLACE": (
        "ttt",
        "(CASE WHEN {1} IS NULL THEN NULL WHEN {1} <> '' THEN replace({0}, {1}, {2}) WHEN {0} = '' THEN {2} "
        "ELSE {2} || array_to_string(string_split({0}, {1}), {2}) || {2} END)",
        STRING,
    ),
    "TRANSLATE": ("ttt", "translate({0}, {1}, {2})", STRING),
    "LEFT": ("tn", "(CASE WHEN {1} <= 0 AND {0} IS NOT NULL THEN '' ELSE left({0}, {1}) END)", STRING),
    "RIGHT": ("tn", "(CASE WHEN {1} <= 0 AND {0} IS NOT NULL THEN '' ELSE right({0}, {1}) END)", STRING),
    "REPEAT": ("tn", "(CASE WHEN {1} <= 0 AND {0} IS NOT NULL THEN '' ELSE repeat({0}, {1}) END)", STRING),
    "INITCAP": (
        "t",
        "array_to_string(list_transform(regexp_extract_all(lower({0}), '[a-z0-9]+|[^a-z0-9]+'), "
        "lambda w: CASE WHEN w[1] ~ '[a-z]' THEN upper(w[1]) || w[2:] ELSE w END), '')",
        STRING,
    ),
    "POSITION": ("tt", "CAST(instr({1}, {0}) AS INTEGER)", INT),
    "INSTR": ("tt", "CAST(instr({0}, {1}) AS INTEGER)", INT),
    "ASCII": (
        "t",
        "(CASE WHEN {0} = '' THEN 0 ELSE (CAST('0x' || left(hex({0}), 2) AS INTEGER) + 128) % 256 - 128 END)",
        INT,
    ),
    "CHR": ("n", "chr(CAST({0} % 256 AS INTEGER))", STRING),
    "STARTSWITH": ("tt", "starts_with({0}, {1})", BOOLEAN),
    "ENDSWITH": ("tt", "suffix({0}, {1})", BOOLEAN),
    "TO_BASE64": ("t", "to_base64(encode({0}))", STRING),
    "FROM_BASE64": ("t", "TRY(decode(from_base64({0})))", STRING),
    "MD5": ("t", "md5({0})", STRING),
    "SHA1": ("t", "sha1({0})", STRING),
    "SHA256": ("t", "sha256({0})", STRING),
    "URL_ENCODE": ("t", "replace(replace(url_encode({0}), '%20', '+'), '~', '%7E')", STRING),
    "URL_DECODE": ("t", "TRY(url_decode(replace({0}, '+', ' ')))", STRING),
    "SPLIT": (
        "tt",
        "(CASE WHEN {1} IS NULL THEN NULL WHEN {0} = '' THEN [] ELSE string_split({0}, {1}) END)",
        STRINGS,
    ),
    "SPLIT_INDEX": (
        "ttn",
        "(CASE WHEN {2} < 0 OR {0} = '' THEN NULL WHEN {1} = '' THEN string_split_regex({0}, '\\s')[{2} + 1] "
        "ELSE string_split({0}, {1})[{2} + 1] END)",
        STRING,
    ),
    "JSON_STRING": ("a", "CAST(to_json({0}) AS VARCHAR)", STRING),
    "IS_ALPHA": ("t", "coalesce(regexp_full_match({0}, '[A-Za-z]+'), false)", BOOLEAN),
    "IS_DIGIT": ("t", "coalesce(regexp_full_match({0}, '[0-9]+'), false)", BOOLEAN),
    "IS_DECIMAL": (
        "t",
        "coalesce(regexp_full_match(trim({0}), '[-+]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][-+]?[0-9]+)?'), false)",
        BOOLEAN,
    ),
}


def pattern_of(text: str) -> str:
    """What is in a pattern that only Java's regular expressions have; empty if nothing."""
    found = re.search(r"\(\?(?:=|!|<=|<!|>)|(?<!\\)\\[1-9]|[*+?}]\+", text)
    return found.group() if found else ""


def _of_pattern(name: str, own: Own) -> Own:
    """A function of a text and a pattern, unless the pattern has what only Java's have."""

    def made(args: Sequence[Typed], texts: Texts) -> Made:
        java = pattern_of(texts[1]) if texts[1] is not None else ""
        return f"{java} in the pattern of {name}" if java else own(args, texts)

    return made


def _regexp(args: Sequence[Typed], _: Texts) -> Made:
    text, pattern = args[0][0], args[1][0]
    found = f"{pattern} <> '' AND TRY(regexp_matches({text}, {pattern}))"
    return f"(CASE WHEN {text} IS NOT NULL THEN {found} END)", BOOLEAN


def _replace(args: Sequence[Typed], _: Texts) -> Made:
    # What is put in is taken as it is: in Flink, too, `$1` says nothing.
    text, pattern, by = args[0][0], args[1][0], f"replace({args[2][0]}, '\\', '\\\\')"
    return f"TRY(regexp_replace({text}, {pattern}, {by}, 'g'))", STRING


def _extract(args: Sequence[Typed], texts: Texts) -> Made:
    text, pattern = args[0][0], args[1][0]
    group = args[2][0] if len(args) > 2 else "0"
    if len(args) > 2 and texts[2] is None:
        return "REGEXP_EXTRACT with a group that is no number"
    # A group that took no part is NULL in Java and empty here.
    return f"TRY(regexp_extract_all({text}, {pattern}, {group})[1])", STRING


def _count(args: Sequence[Typed], _: Texts) -> Made:
    return f"CAST(TRY(len(regexp_extract_all({args[0][0]}, {args[1][0]}))) AS INTEGER)", INT


def _extract_all(args: Sequence[Typed], _: Texts) -> Made:
    group = args[2][0] if len(args) > 2 else "1"
    return f"TRY(regexp_extract_all({args[0][0]}, {args[1][0]}, {group}))", STRINGS


def _trimmed(way: str, args: Sequence[Typed]) -> Made:
    chars = args[1][0] if len(args) > 1 else "' '"
    return f"{way}({args[0][0]}, {chars})", STRING


def _substring(args: Sequence[Typed], _: Texts) -> Made:
    text, start = args[0][0], f"CAST({args[1][0]} AS BIGINT)"
    begin = (
        f"(CASE WHEN {start} < 0 THEN length({text}) + {start} + 1 WHEN {start} = 0 THEN 1 ELSE {start} END)"
    )
    if len(args) == 2:
        return (
            f"(CASE WHEN {begin} >= 1 THEN substring({text}, {begin}) WHEN {begin} < 1 THEN '' END)",
            STRING,
        )
    count = f"CAST({args[2][0]} AS BIGINT)"
    return (
        f"(CASE WHEN {count} < 0 THEN NULL WHEN {begin} >= 1 THEN substring({text}, {begin}, {count}) WHEN {begin} < 1 THEN '' END)",
        STRING,
    )


def _concat(args: Sequence[Typed], _: Texts) -> Made:
    return "(" + " || ".join(sql for sql, _ in args) + ")", STRING


def _concat_ws(args: Sequence[Typed], _: Texts) -> Made:
    return f"concat_ws({', '.join(sql for sql, _ in args)})", STRING


def _pad(way: str, args: Sequence[Typed]) -> Made:
    text, count, by = args[0][0], args[1][0], args[2][0] if len(args) > 2 else "' '"
    done = f"{way}({text}, CAST({count} AS INTEGER), nullif({by}, ''))"
    return f"(CASE WHEN {count} < 0 THEN NULL ELSE {done} END)", STRING


def _locate(args: Sequence[Typed], _: Texts) -> Made:
    what, text = args[0][0], args[1][0]
    if len(args) == 2:
        return f"CAST(instr({text}, {what}) AS INTEGER)", INT
    start = args[2][0]
    there = f"instr(substring({text}, {start}), {what})"
    return (
        f"CAST((CASE WHEN {text} IS NULL THEN NULL WHEN {what} = '' THEN 1 WHEN {start} <= 0 OR {there} = 0 THEN 0 ELSE {there} + {start} - 1 END) AS INTEGER)",
        INT,
    )


def _overlay(args: Sequence[Typed], _: Texts) -> Made:
    text, by, start = (sql for sql, _ in args[:3])
    count = args[3][0] if len(args) > 3 else f"length({by})"
    rest = f"CASE WHEN {count} > 0 AND {start} + {count} <= length({text}) THEN substring({text}, {start} + {count}) ELSE '' END"
    made = f"substring({text}, 1, {start} - 1) || {by} || ({rest})"
    outside = f"{by} IS NOT NULL AND ({start} <= 0 OR {start} > length({text}))"
    return f"(CASE WHEN {outside} THEN {text} ELSE {made} END)", STRING


def _elt(args: Sequence[Typed], _: Texts) -> Made:
    items = ", ".join(sql for sql, _ in args[1:])
    return f"(CASE WHEN {args[0][0]} >= 1 THEN [{items}][{args[0][0]}] END)", STRING


def _str_to_map(args: Sequence[Typed], _: Texts) -> Made:
    text = args[0][0]
    by = args[1][0] if len(args) > 1 else "','"
    equals = args[2][0] if len(args) > 2 else "'='"
    entry = (
        f"struct_pack(key := string_split(w, {equals})[1], value := CASE WHEN contains(w, {equals}) "
        f"THEN substring(w, instr(w, {equals}) + length({equals})) END)"
    )
    made = f"map_from_entries(list_transform(string_split({text}, {by}), lambda w: {entry}))"
    return f"(CASE WHEN {text} = '' THEN map([], []) ELSE {made} END)", PAIRS


def _parse_url(args: Sequence[Typed], texts: Texts) -> Made:
    url, part = args[0][0], texts[1]
    patterns = {
        "HOST": r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]*)",
        "PATH": r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)",
        "QUERY": r"\?([^#]*)",
        "REF": r"#(.*)$",
        "PROTOCOL": r"^([A-Za-z][A-Za-z0-9+.-]*)://",
        "AUTHORITY": r"^[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)",
        "USERINFO": r"^[A-Za-z][A-Za-z0-9+.-]*://([^/?#@]*)@",
        "FILE": r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^#]*)",
    }
    if part not in patterns:
        return f"PARSE_URL of {part!r}"
    valid = f"regexp_matches({url}, '^[A-Za-z][A-Za-z0-9+.-]*:')"
    if len(args) == 3:
        if part != "QUERY" or texts[2] is None:
            return "PARSE_URL with a key other than of QUERY"
        key = re.escape(texts[2])
        return (
            f"(CASE WHEN {valid} THEN regexp_extract_all({url}, {literal(f'[?&]{key}=([^&#]*)')}, 1)[1] END)",
            STRING,
        )
    return f"(CASE WHEN {valid} THEN regexp_extract_all({url}, {literal(patterns[part])}, 1)[1] END)", STRING


def _sha2(args: Sequence[Typed], texts: Texts) -> Made:
    if texts[1] != "256":
        return f"SHA2 of {texts[1]} bits"
    return f"sha256({args[0][0]})", STRING


OWN = {
    "SHA2": ("tn", _sha2),
    "CONCAT": ("t*", _concat),
    "CONCAT_WS": ("t*", _concat_ws),
    "SUBSTRING": ("tnn?", _substring),
    "SUBSTR": ("tnn?", _substring),
    "TRIM": ("tt?", lambda args, _: _trimmed("trim", args)),
    "BTRIM": ("tt?", lambda args, _: _trimmed("trim", args)),
    "LTRIM": ("tt?", lambda args, _: _trimmed("ltrim", args)),
    "RTRIM": ("tt?", lambda args, _: _trimmed("rtrim", args)),
    "LPAD": ("tnt?", lambda args, _: _pad("lpad", args)),
    "RPAD": ("tnt?", lambda args, _: _pad("rpad", args)),
    "LOCATE": ("ttn?", _locate),
    "OVERLAY": ("ttnn?", _overlay),
    "ELT": ("ntt*", _elt),
    "REGEXP": ("tt", _of_pattern("REGEXP", _regexp)),
    "REGEXP_REPLACE": ("ttt", _of_pattern("REGEXP_REPLACE", _replace)),
    "REGEXP_EXTRACT": ("ttn?", _of_pattern("REGEXP_EXTRACT", _extract)),
    "REGEXP_EXTRACT_ALL": ("ttn?", _of_pattern("REGEXP_EXTRACT_ALL", _extract_all)),
    "REGEXP_COUNT": ("tt", _of_pattern("REGEXP_COUNT", _count)),
    "REGEXP_SUBSTR": ("tt", _of_pattern("REGEXP_SUBSTR", _extract)),
    "STR_TO_MAP": ("tt?t?", _str_to_map),
    "PARSE_URL": ("ttt?", _parse_url),
}
