"""Trino's functions that DuckDB lacks or means otherwise, as DuckDB macros.

Macros, so that a query stays one vectorised plan. Their names begin with `fb_`; `functions.py` says which
function of the user's becomes which. None depends on its arguments' types: where types matter,
`typed.py` decides before the SQL is written.
"""

from __future__ import annotations

import re
import threading

import duckdb

_CALL = re.compile(r"\b(fb_\w+)\(", re.IGNORECASE)
_SPACE = r"chr(32) || chr(9) || chr(10) || chr(11) || chr(12) || chr(13)"

_UNITS = {
    "millisecond": "to_milliseconds(n)",
    "second": "to_seconds(n)",
    "minute": "to_minutes(n)",
    "hour": "to_hours(n)",
    "day": "to_days(CAST(n AS INTEGER))",
    "week": "to_days(CAST(7 * n AS INTEGER))",
    "month": "to_months(CAST(n AS INTEGER))",
    "quarter": "to_months(CAST(3 * n AS INTEGER))",
    "year": "to_years(CAST(n AS INTEGER))",
}

_MACROS = f"""
concat_ws(s, a) AS array_to_string(a, s)
array_join(a, s) AS array_to_string(a, s), (a, s, n) AS array_to_string(a, s)
sequence(a, b) AS generate_series(a, b), (a, b, s) AS generate_series(a, b, s)
concat(a, b) AS a || b
to_iso8601(x) AS strftime(x, '%Y-%m-%dT%H:%M:%S.%g')
ceil(x) AS ceil(x)
floor(x) AS floor(x)
round(x) AS round(x), (x, n) AS round(x, CAST(n AS INTEGER))
sign(x) AS sign(x)
date(x) AS CAST(x AS DATE)
substr(s, i) AS CASE WHEN i = 0 OR -i > length(s) THEN '' ELSE substr(s, i) END, (s, i, n) AS CASE WHEN i = 0 OR n <= 0 OR -i > length(s) THEN '' ELSE substr(s, i, n) END
chr(n) AS CASE WHEN n < 0 OR n > 1114111 THEN error('INVALID_FUNCTION_ARGUMENT: Not a valid Unicode code point: ' || n) ELSE chr(CAST(n AS INTEGER)) END
codepoint(s) AS ord(s)
lpad(s, n, p) AS CASE WHEN length(p) = 0 THEN error('INVALID_FUNCTION_ARGUMENT: Padding string must not be empty') ELSE lpad(s, CAST(n AS INTEGER), p) END
rpad(s, n, p) AS CASE WHEN length(p) = 0 THEN error('INVALID_FUNCTION_ARGUMENT: Padding string must not be empty') ELSE rpad(s, CAST(n AS INTEGER), p) END
trim(s) AS trim(s, {_SPACE}), (s, c) AS trim(s, c)
ltrim(s) AS ltrim(s, {_SPACE}), (s, c) AS ltrim(s, c)
rtrim(s) AS rtrim(s, {_SPACE}), (s, c) AS rtrim(s, c)
split(s, d) AS string_split(s, d), (s, d, n) AS CASE WHEN n <= 0 THEN error('INVALID_FUNCTION_ARGUMENT: Limit must be positive') WHEN len(string_split(s, d)) <= n THEN string_split(s, d) ELSE list_append(list_slice(string_split(s, d), 1, n - 1), array_to_string(list_slice(string_split(s, d), n, len(string_split(s, d))), d)) END
split_part(s, d, i) AS CASE WHEN i < 1 THEN error('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero') WHEN i > len(string_split(s, d)) THEN NULL ELSE split_part(s, d, CAST(i AS INTEGER)) END
split_to_map(s, e, k) AS map_from_entries(list_transform(string_split(s, e), lambda x: row(split_part(x, k, 1), split_part(x, k, 2))))
strpos(s, x) AS strpos(s, x), (s, x, n) AS CASE WHEN n > 0 THEN CASE WHEN len(string_split(s, x)) <= n THEN 0 ELSE length(array_to_string(list_slice(string_split(s, x), 1, n), x)) + 1 END ELSE CASE WHEN len(string_split(s, x)) <= -n THEN 0 ELSE length(array_to_string(list_slice(string_split(s, x), 1, len(string_split(s, x)) + n), x)) + 1 END END
strrpos(s, x) AS fb_strpos(s, x, -1)
translate(s, a, b) AS translate(s, a, b)
luhn_check(s) AS CASE WHEN NOT regexp_full_match(s, '[0-9]+') THEN error('INVALID_FUNCTION_ARGUMENT: Input string must contain only digits') ELSE list_sum(list_transform(range(1, length(s) + 1), lambda i: CASE WHEN i % 2 = 0 THEN CASE WHEN 2 * CAST(substr(reverse(s), i, 1) AS INTEGER) > 9 THEN 2 * CAST(substr(reverse(s), i, 1) AS INTEGER) - 9 ELSE 2 * CAST(substr(reverse(s), i, 1) AS INTEGER) END ELSE CAST(substr(reverse(s), i, 1) AS INTEGER) END)) % 10 = 0 END
truncate(x) AS trunc(x), (x, n) AS trunc(x * power(10, n)) / power(10, n)
mod(a, b) AS a % b
log(b, x) AS ln(x) / ln(b)
e() AS exp(1)
nan() AS CAST('nan' AS DOUBLE)
infinity() AS CAST('inf' AS DOUBLE)
random() AS random(), (n) AS CAST(floor(random() * n) AS BIGINT), (m, n) AS CAST(floor(m + random() * (n - m)) AS BIGINT)
from_base(s, r) AS list_reduce(list_transform(string_split(lower(s), ''), lambda c: CAST(strpos('0123456789abcdefghijklmnopqrstuvwxyz', c) - 1 AS BIGINT)), lambda a, b: a * r + b, CAST(0 AS BIGINT))
to_base(n, r) AS lower(to_base(n, CAST(r AS INTEGER)))
width_bucket(x, bins) AS CAST(len(list_filter(bins, lambda b: b <= x)) AS BIGINT), (x, lo, hi, n) AS CAST(CASE WHEN x < lo THEN 0 WHEN x >= hi THEN n + 1 ELSE floor((CAST(x AS DOUBLE) - lo) * n / (hi - lo)) + 1 END AS BIGINT)
bitwise_and(a, b) AS a & b
bitwise_or(a, b) AS a | b
bitwise_not(a) AS ~a
left_shift(a, n) AS a << n
right_shift(a, n) AS a >> n
bit_count(x, n) AS CAST(bit_count(CASE WHEN n = 64 THEN CAST(x AS BIGINT) ELSE CAST(x AS BIGINT) & ((CAST(1 AS BIGINT) << n) - 1) END) AS BIGINT)
power(a, b) AS pow(CAST(a AS DOUBLE), CAST(b AS DOUBLE))
parse_data_size(s) AS CAST(floor(CAST(regexp_extract(s, '^([0-9.]+)', 1) AS DECIMAL(30,10)) * list_extract([CAST(1 AS HUGEINT), 1024, 1048576, 1073741824, 1099511627776, 1125899906842624, 1152921504606846976, 1180591620717411303424, 1208925819614629174706176], list_position(['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'], regexp_extract(s, '([a-zA-Z]+)$', 1)))) AS DECIMAL(38,0))
now() AS current_timestamp
year(x) AS year(x)
millisecond(x) AS CAST(millisecond(x) % 1000 AS BIGINT)
date_format(x, f) AS strftime(x, f)
date_parse(s, f) AS CAST(strptime(s, f) AS TIMESTAMP)
parse_datetime(s, f) AS CAST(strptime(s, f) AS TIMESTAMPTZ)
from_unixtime(x) AS to_timestamp(CAST(x AS DOUBLE)), (x, z) AS to_timestamp(CAST(x AS DOUBLE)), (x, h, m) AS to_timestamp(CAST(x AS DOUBLE))
from_unixtime_nanos(x) AS to_timestamp(CAST(x AS DOUBLE) / 1000000000)
to_unixtime(x) AS epoch(x)
from_iso8601_timestamp(s) AS CAST(CASE WHEN length(s) = 4 THEN s || '-01-01' WHEN length(s) = 7 THEN s || '-01' ELSE s END AS TIMESTAMPTZ)
from_iso8601_date(s) AS CASE WHEN regexp_full_match(s, '\\d{{4}}-?W\\d{{2}}') THEN CAST(strptime(replace(replace(s, '-', ''), 'W', '') || '1', '%G%V%u') AS DATE) WHEN regexp_full_match(s, '\\d{{4}}-?W\\d{{2}}-?\\d') THEN CAST(strptime(replace(replace(s, '-', ''), 'W', ''), '%G%V%u') AS DATE) WHEN regexp_full_match(s, '\\d{{4}}-?\\d{{3}}') THEN CAST(CAST(left(s, 4) || '-01-01' AS DATE) + CAST(right(s, 3) AS INTEGER) - 1 AS DATE) ELSE CAST(s AS DATE) END
with_timezone(t, z) AS timezone(z, CAST(t AS TIMESTAMP))
human_readable_seconds(s) AS CASE WHEN round(abs(s)) = 0 THEN '0 seconds' ELSE array_to_string(list_transform(list_filter([row(CAST(round(abs(s)) AS BIGINT) // 604800, 'week'), row(CAST(round(abs(s)) AS BIGINT) % 604800 // 86400, 'day'), row(CAST(round(abs(s)) AS BIGINT) % 86400 // 3600, 'hour'), row(CAST(round(abs(s)) AS BIGINT) % 3600 // 60, 'minute'), row(CAST(round(abs(s)) AS BIGINT) % 60, 'second')], lambda p: struct_extract(p, 1) > 0), lambda p: struct_extract(p, 1) || ' ' || struct_extract(p, 2) || CASE WHEN struct_extract(p, 1) = 1 THEN '' ELSE 's' END), ', ') END
to_milliseconds(i) AS CAST(epoch(i) * 1000 AS BIGINT)
contains(a, x) AS CASE WHEN list_contains(a, x) THEN true WHEN list_count(a) < len(a) THEN NULL ELSE list_contains(a, x) END
element_at(a, i) AS a[i]
array_distinct(a) AS list_filter(a, lambda x, i: CASE WHEN x IS NULL THEN list_position(list_transform(a, lambda y: y IS NULL), true) = i ELSE list_position(a, x) = i END)
array_except(a, b) AS fb_array_distinct(list_filter(a, lambda x: CASE WHEN x IS NULL THEN list_count(b) = len(b) ELSE NOT list_contains(b, x) END))
array_intersect(a, b) AS fb_array_distinct(list_filter(a, lambda x: CASE WHEN x IS NULL THEN list_count(b) < len(b) ELSE list_contains(b, x) END))
array_union(a, b) AS fb_array_distinct(list_concat(a, b))
array_max(a) AS CASE WHEN list_count(a) = len(a) THEN list_max(a) END
array_min(a) AS CASE WHEN list_count(a) = len(a) THEN list_min(a) END
array_position(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL ELSE CAST(coalesce(list_position(a, x), 0) AS BIGINT) END
array_remove(a, x) AS CASE WHEN x IS NOT NULL THEN list_filter(a, lambda y: y IS NULL OR y <> x) END
arrays_overlap(a, b) AS CASE WHEN list_has_any(a, b) THEN true WHEN len(a) > 0 AND len(b) > 0 AND (list_count(a) < len(a) OR list_count(b) < len(b)) THEN NULL ELSE list_has_any(a, b) END
contains_sequence(a, b) AS len(b) = 0 OR list_contains(list_transform(range(1, len(a) - len(b) + 2), lambda i: list_slice(a, i, i + len(b) - 1)), b)
current_timezone() AS 'UTC'
timezone(t) AS 'UTC'
title_case(s) AS array_to_string(list_transform(regexp_extract_all(s, '[[:alnum:]]+|[^[:alnum:]]+'), lambda w: upper(left(w, 1)) || lower(substr(w, 2))), '')
cosine_distance(a, b) AS 1 - list_cosine_similarity(CAST(a AS DOUBLE[]), CAST(b AS DOUBLE[]))
great_circle_distance(a, b, c, d) AS 6371.01 * 2 * asin(least(1.0, sqrt(pow(sin(radians(c - a) / 2), 2) + cos(radians(a)) * cos(radians(c)) * pow(sin(radians(d - b) / 2), 2))))
wilson_interval_lower(s, n, z) AS (s / n + z * z / (2 * n) - z * sqrt((s / n) * (1 - s / n) / n + z * z / (4 * n * n))) / (1 + z * z / n)
wilson_interval_upper(s, n, z) AS (s / n + z * z / (2 * n) + z * sqrt((s / n) * (1 - s / n) / n + z * z / (4 * n * n))) / (1 + z * z / n)
parse_duration(s) AS to_microseconds(CAST(round(CAST(regexp_extract(s, '^\\s*([0-9.]+)', 1) AS DOUBLE) * list_extract([0.001, 1, 1000, 1000000, 60000000, 3600000000, 86400000000], list_position(['ns', 'us', 'ms', 's', 'm', 'h', 'd'], regexp_extract(s, '([a-z]+)\\s*$', 1)))) AS BIGINT))
json_exists(j, p) AS json_valid(j) AND json_exists(j, p)
bigint_map(m) AS map_from_entries(list_transform(map_entries(m), lambda e: row(e.key, CAST(e.value AS BIGINT))))
shuffle(a) AS list_transform(list_sort(list_transform(a, lambda x: row(random(), x))), lambda p: struct_extract(p, 2))
dot_product(a, b) AS list_dot_product(CAST(a AS DOUBLE[]), CAST(b AS DOUBLE[]))
euclidean_distance(a, b) AS list_distance(CAST(a AS DOUBLE[]), CAST(b AS DOUBLE[]))
cosine_similarity(a, b) AS list_cosine_similarity(CAST(a AS DOUBLE[]), CAST(b AS DOUBLE[]))
array_histogram(a) AS map(fb_array_distinct(list_filter(a, lambda x: x IS NOT NULL)), list_transform(fb_array_distinct(list_filter(a, lambda x: x IS NOT NULL)), lambda x: CAST(len(list_filter(a, lambda y: y = x)) AS BIGINT)))
subscript(a, i) AS a[i]
map_entries(m) AS list_transform(map_entries(m), lambda e: {{'field0': e.key, 'field1': e.value}})
cbrt(x) AS CASE WHEN pow(round(cbrt(x)), 3) = x THEN round(cbrt(x)) ELSE cbrt(x) END
array_first(a) AS a[1]
array_last(a) AS a[-1]
repeat(x, n) AS list_transform(range(CAST(n AS BIGINT)), lambda i: x)
slice(a, s, n) AS CASE WHEN s = 0 THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1') WHEN n < 0 THEN error('INVALID_FUNCTION_ARGUMENT: length must be greater than or equal to 0') WHEN n = 0 OR -s > len(a) THEN list_slice(a, 1, 0) WHEN s > 0 THEN list_slice(a, s, s + n - 1) ELSE list_slice(a, len(a) + s + 1, len(a) + s + n) END
trim_array(a, n) AS CASE WHEN n < 0 OR n > len(a) THEN error('INVALID_FUNCTION_ARGUMENT: size must not exceed array cardinality') ELSE list_slice(a, 1, len(a) - n) END
ngrams(a, n) AS list_transform(range(1, greatest(len(a) - n + 1, 1) + 1), lambda i: list_slice(a, i, least(i + n - 1, len(a))))
any_match(l) AS CASE WHEN list_contains(l, true) THEN true WHEN list_count(l) < len(l) THEN NULL WHEN l IS NULL THEN NULL ELSE false END
all_match(l) AS CASE WHEN list_contains(l, false) THEN false WHEN list_count(l) < len(l) THEN NULL WHEN l IS NULL THEN NULL ELSE true END
none_match(l) AS NOT fb_any_match(l)
map_of(k, v) AS map(list_filter(k, lambda x, i: x IS NOT NULL AND list_position(k, x) = i), list_transform(list_filter(range(1, len(k) + 1), lambda i: k[i] IS NOT NULL AND list_position(k, k[i]) = i), lambda i: v[i]))
multimap_of(k, v) AS map(list_filter(k, lambda x, i: x IS NOT NULL AND list_position(k, x) = i), list_transform(list_filter(k, lambda x, i: x IS NOT NULL AND list_position(k, x) = i), lambda y: list_filter(v, lambda z, j: k[j] = y)))
split_to_multimap(s, e, k) AS fb_multimap_of(list_transform(string_split(s, e), lambda x: split_part(x, k, 1)), list_transform(string_split(s, e), lambda x: split_part(x, k, 2)))
multimap_from_entries(l) AS fb_multimap_of(list_transform(l, lambda e: struct_extract(e, 1)), list_transform(l, lambda e: struct_extract(e, 2)))
json_extract(j, p) AS CASE WHEN json_valid(j) THEN json_extract(j, p) END
json_extract_scalar(j, p) AS CASE WHEN NOT json_valid(j) OR json_type(j, p) IN ('OBJECT', 'ARRAY', 'NULL') THEN NULL ELSE json_extract_string(j, p) END
json_parse(s) AS CASE WHEN json_valid(s) THEN json(s) ELSE error('INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: ''' || s || '''') END
json_format(j) AS CAST(j AS VARCHAR)
json_array_get(j, i) AS CASE WHEN json_valid(j) THEN json_extract(j, '$[' || CASE WHEN i < 0 THEN '#' || i ELSE CAST(i AS VARCHAR) END || ']') END
json_array_length(j) AS CASE WHEN json_valid(j) AND json_type(j) = 'ARRAY' THEN CAST(json_array_length(j) AS BIGINT) END
json_array_contains(j, v) AS CASE WHEN json_valid(j) AND json_type(j) = 'ARRAY' THEN list_contains(CAST(j AS JSON[]), to_json(v)) END
json_size(j, p) AS CASE WHEN NOT json_valid(j) THEN NULL WHEN json_type(j, p) = 'OBJECT' THEN CAST(len(json_keys(j, p)) AS BIGINT) WHEN json_type(j, p) = 'ARRAY' THEN CAST(json_array_length(j, p) AS BIGINT) WHEN json_type(j, p) IS NOT NULL THEN 0 END
is_json_scalar(j) AS json_type(j) NOT IN ('OBJECT', 'ARRAY')
regexp_extract(s, p) AS CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p) END, (s, p, g) AS CASE WHEN regexp_matches(s, p) THEN nullif(regexp_extract(s, p, g), '') END
regexp_count(s, p) AS CAST(len(regexp_extract_all(s, p)) AS BIGINT)
regexp_position_at(s, p, f, n) AS CASE WHEN len(regexp_extract_all(substr(s, f), p)) < n THEN -1 ELSE CAST(f + length(array_to_string(list_slice(regexp_split_to_array(substr(s, f), p), 1, n), '')) + list_sum(list_prepend(0, list_transform(list_slice(regexp_extract_all(substr(s, f), p), 1, n - 1), lambda x: length(x)))) AS INTEGER) END
regexp_position(s, p) AS fb_regexp_position_at(s, p, 1, 1), (s, p, f) AS fb_regexp_position_at(s, p, f, 1), (s, p, f, n) AS fb_regexp_position_at(s, p, f, n)
url_part(u, g) AS CASE WHEN regexp_matches(u, '^([A-Za-z][A-Za-z0-9+.-]*):') THEN regexp_extract(u, '^([A-Za-z][A-Za-z0-9+.-]*):(?://(?:[^/?#@]*@)?(\\[[^\\]]*\\]|[^:/?#]*)(?::([0-9]*))?)?([^?#]*)(?:\\?([^#]*))?(?:#(.*))?$', g) END
url_protocol(u) AS fb_url_part(u, 1)
url_host(u) AS fb_url_part(u, 2)
url_port(u) AS TRY_CAST(nullif(fb_url_part(u, 3), '') AS BIGINT)
url_path(u) AS fb_url_part(u, 4)
url_query(u) AS fb_url_part(u, 5)
url_fragment(u) AS fb_url_part(u, 6)
url_parameter(u, n) AS list_extract(list_transform(list_filter(string_split(fb_url_part(u, 5), '&'), lambda p: url_decode(split_part(p, '=', 1)) = n), lambda p: url_decode(CASE WHEN contains(p, '=') THEN p[strpos(p, '=') + 1:] ELSE '' END)), 1)
md5(x) AS unhex(md5(x))
sha1(x) AS unhex(sha1(x))
sha256(x) AS unhex(sha256(x))
pointed(d) AS left(d, 1) || '.' || substr(d, 2)
mantissa(m) AS CASE WHEN NOT contains(m, '.') THEN m || '.0' WHEN ends_with(m, '.') THEN m || '0' ELSE m END
scientific(t) AS CASE WHEN contains(t, 'e') THEN fb_mantissa(split_part(t, 'e', 1)) || 'E' || CAST(CAST(split_part(t, 'e', 2) AS INTEGER) AS VARCHAR) WHEN regexp_matches(t, '^-?0\\.') THEN CASE WHEN starts_with(t, '-') THEN '-' ELSE '' END || fb_mantissa(fb_pointed(ltrim(regexp_extract(t, '0\\.(\\d+)', 1), '0'))) || 'E-' || (length(regexp_extract(t, '0\\.(0*)', 1)) + 1) ELSE CASE WHEN starts_with(t, '-') THEN '-' ELSE '' END || fb_mantissa(fb_pointed(rtrim(replace(ltrim(t, '-'), '.', ''), '0'))) || 'E' || (length(split_part(ltrim(t, '-'), '.', 1)) - 1) END
text_of_double(x) AS CASE WHEN x IS NULL THEN NULL WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END WHEN x = 0 OR (abs(x) >= 0.001 AND abs(x) < 10000000) THEN CAST(x AS VARCHAR) ELSE fb_scientific(CAST(x AS VARCHAR)) END
type_name(t) AS CASE WHEN t LIKE 'DECIMAL%' OR t LIKE '%)' AND t NOT LIKE 'STRUCT%' AND t NOT LIKE 'MAP%' THEN lower(t) WHEN t LIKE '%[]' THEN 'array(' || coalesce(map {{'VARCHAR': 'varchar', 'INTEGER': 'integer', 'BIGINT': 'bigint', 'DOUBLE': 'double', 'BOOLEAN': 'boolean', 'DATE': 'date', 'TIMESTAMP': 'timestamp(3)'}}[t[:-3]], lower(t[:-3])) || ')' ELSE coalesce(map {{'FLOAT': 'real', 'HUGEINT': 'bigint', 'UBIGINT': 'bigint', 'TIMESTAMP': 'timestamp(3)', 'TIMESTAMP WITH TIME ZONE': 'timestamp(3) with time zone', 'BLOB': 'varbinary', '"NULL"': 'unknown'}}[t], lower(t)) END
typeof(x) AS fb_type_name(typeof(x))
"""


def definitions() -> dict[str, str]:
    """The CREATE MACRO statements by name."""
    lines = [f"fb_{line}" for line in map(str.strip, _MACROS.splitlines()) if line]
    for unit, step in _UNITS.items():
        lines.append(f"fb_date_trunc_{unit}(x) AS date_trunc('{unit}', x)")
        lines.append(f"fb_date_add_{unit}(n, x) AS x + {step}")
        lines.append(f"fb_date_diff_{unit}(a, b) AS date_sub('{unit}', a, b)")
    return {line.partition("(")[0]: f"CREATE MACRO {line}" for line in lines}


class Macros:
    """Makes macros in a database when a text first uses them: most queries need few of them."""

    def __init__(self, root: duckdb.DuckDBPyConnection) -> None:
        self._root = root
        self._missing = definitions()
        self._lock = threading.Lock()

    def ensure(self, text: str) -> None:
        """Make what `text` calls."""
        called = {name.lower() for name in _CALL.findall(text)}
        if called.isdisjoint(self._missing):
            return
        with self._lock:
            cursor = self._root.cursor()
            try:
                for name in called:
                    self._make(cursor, name)
            finally:
                cursor.close()

    def _make(self, cursor: duckdb.DuckDBPyConnection, name: str) -> None:
        statement = self._missing.get(name)
        if statement is not None:
            for other in _CALL.findall(statement.partition("(")[2]):
                self._make(cursor, other)
            cursor.execute(statement)
            del self._missing[name]  # only now: others look here without waiting
