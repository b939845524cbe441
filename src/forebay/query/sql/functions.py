"""Every function a query may call, and what it is in DuckDB: the allow-list is the translation.

A value is DuckDB's name (or the name of a macro in `macros.py`, which begin with `fb_`), or a builder that
makes the expression from the arguments. What is not in `FUNCTIONS` cannot be called.
"""

from __future__ import annotations

from sqlglot import exp

from forebay.query.sql.build import Args, Arity, Builder, call, need
from forebay.query.sql.composed import geometric_mean, histogram, map_agg, map_union, multimap_agg
from forebay.query.sql.dates import date_unit, formatted, joda_format, mysql_format
from forebay.query.sql.lambdas import (
    combinations,
    map_lambda,
    map_zip_with,
    match_,
    reduce_,
    sort,
    with_lambda,
    zip_,
    zip_with,
)
from forebay.query.sql.texts import concat, concat_ws, format_, json_function, regexp_replace, replace


def _any_null(args: Args, value: exp.Expr) -> exp.Expr:
    """NULL if any argument is."""
    conditions = exp.or_(*(exp.Is(this=a.copy(), expression=exp.Null()) for a in args))
    return exp.Case(ifs=[exp.If(this=conditions, true=exp.Null())], default=value)


def _greatest(name: str) -> Builder:
    def build(args: Args) -> exp.Expr:
        need(args, 1, 254)
        return _any_null(args, call(name, *args))

    return build


def _approx_distinct(args: Args) -> exp.Expr:
    need(args, 1, 2)  # the second is the error that is allowed: ours is what it is
    return call("approx_count_distinct", args[0])


def _approx_percentile(args: Args) -> exp.Expr:
    need(args, 2, 3)
    if len(args) == 3:  # (x, weight, percentage): the weight repeats the value
        raise Arity("with weights is not supported")
    return call("approx_quantile", *args)


def _by(name: str) -> Builder:
    """max_by, min_by: the value may be NULL."""

    def build(args: Args) -> exp.Expr:
        need(args, 2, 3)
        return call(f"arg_{name}_null" if len(args) == 2 else f"arg_{name}", *args)

    return build


def _map(args: Args) -> exp.Expr:
    if not args:
        return call("map")
    need(args, 2)
    return call("map", *args)


def _at_timezone(args: Args) -> exp.Expr:
    need(args, 2)
    return exp.AtTimeZone(this=args[0], zone=args[1])


def _now(args: Args) -> exp.Expr:
    need(args, 0)
    return call("fb_now")


_same = [
    "abs",
    "acos",
    "asin",
    "atan",
    "atan2",
    "cbrt",
    "cos",
    "cosh",
    "degrees",
    "exp",
    "ln",
    "pi",
    "radians",
    "sin",
    "sinh",
    "tan",
    "tanh",
    "sqrt",
    "power",
    "pow",
    "sign",
    "lower",
    "upper",
    "replace",
    "reverse",
    "length",
    "concat_ws",
    "starts_with",
    "to_hex",
    "from_hex",
    "md5_",
    "repeat_",
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
    "count",
    "min",
    "max",
    "max_by",
    "min_by",
    "array_agg",
    "bool_and",
    "bool_or",
    "every",
    "corr",
    "covar_pop",
    "covar_samp",
    "regr_intercept",
    "regr_slope",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "variance",
    "var_pop",
    "var_samp",
    "kurtosis",
    "skewness",
    "grouping",
    "cardinality_",
    "map_keys",
    "map_values",
    "map_entries",
    "map_from_entries",
    "random_",
    "uuid_",
    "bit_count_",
    "from_base64",
    "isnan_",
]

FUNCTIONS: dict[str, str | Builder] = {name: name for name in _same if not name.endswith("_")}
FUNCTIONS |= {
    "current_timezone": "fb_current_timezone", "timezone": "fb_timezone", "title_case": "fb_title_case",
    "cosine_distance": "fb_cosine_distance", "great_circle_distance": "fb_great_circle_distance",
    "wilson_interval_lower": "fb_wilson_interval_lower", "wilson_interval_upper": "fb_wilson_interval_upper",
    "parse_duration": "fb_parse_duration", "map_union": map_union, "bitwise_xor_agg": "bit_xor",
    "bitwise_right_shift_arithmetic": "fb_right_shift",
    "json_value": json_function("fb_json_extract_scalar"), "json_query": json_function("fb_json_extract"),
    "json_exists": json_function("fb_json_exists"),
    "replace": replace, "ends_with": "ends_with", "cbrt": "fb_cbrt", "array_histogram": "fb_array_histogram",
    "combinations": combinations, "contains_sequence": "fb_contains_sequence", "shuffle": "fb_shuffle",
    "dot_product": "fb_dot_product", "euclidean_distance": "fb_euclidean_distance",
    "cosine_similarity": "fb_cosine_similarity", "multimap_from_entries": "fb_multimap_from_entries",
    "map_zip_with": map_zip_with, "split_to_multimap": "fb_split_to_multimap", "map_entries": "fb_map_entries",
    "max_by": _by("max"), "min_by": _by("min"), "[]": "fb_subscript",
    # text
    "concat": concat, "substr": "fb_substr", "char_length": "length", "character_length": "length",
    "chr": "fb_chr", "codepoint": "fb_codepoint", "lpad": "fb_lpad", "rpad": "fb_rpad", "ltrim": "fb_ltrim",
    "rtrim": "fb_rtrim", "split": "fb_split", "split_part": "fb_split_part", "split_to_map": "fb_split_to_map",
    "strpos": "fb_strpos", "translate": "fb_translate", "levenshtein_distance": "levenshtein",
    "hamming_distance": "hamming", "luhn_check": "fb_luhn_check", "to_utf8": "encode", "from_utf8": "decode",
    "normalize": "nfc_normalize", "format": format_,
    "upper": "upper", "strrpos": "fb_strrpos", "concat_ws": concat_ws, "substring": "fb_substr",
    "left": "left", "right": "right",
    # numbers
    "ceil": "fb_ceil", "ceiling": "fb_ceil", "floor": "fb_floor", "round": "fb_round", "truncate": "fb_truncate",
    "mod": "fb_mod", "log": "fb_log", "log2": "log2", "log10": "log10", "e": "fb_e", "rand": "random",
    "random": "fb_random", "nan": "fb_nan", "infinity": "fb_infinity", "is_nan": "isnan", "is_finite": "isfinite",
    "is_infinite": "isinf", "from_base": "fb_from_base", "to_base": "fb_to_base", "width_bucket": "fb_width_bucket",
    "bitwise_and": "fb_bitwise_and", "bitwise_or": "fb_bitwise_or", "bitwise_xor": "xor",
    "bitwise_not": "fb_bitwise_not", "bit_count": "fb_bit_count", "greatest": _greatest("greatest"),
    "least": _greatest("least"), "power": "fb_power", "pow": "fb_power", "sign": "fb_sign",
    "bitwise_left_shift": "fb_left_shift", "bitwise_right_shift": "fb_right_shift",
    "parse_data_size": "fb_parse_data_size",
    # dates
    "date": "fb_date", "date_trunc": date_unit("date_trunc"), "date_add": date_unit("date_add"),
    "date_diff": date_unit("date_diff"), "date_format": formatted("fb_date_format", mysql_format),
    "date_parse": formatted("fb_date_parse", mysql_format), "format_datetime": formatted("fb_date_format", joda_format),
    "parse_datetime": formatted("fb_parse_datetime", joda_format), "now": _now, "year": "fb_year", "quarter": "quarter",
    "month": "month", "week": "week", "week_of_year": "week", "day": "day", "day_of_month": "day",
    "day_of_week": "isodow", "dow": "isodow", "day_of_year": "dayofyear", "doy": "dayofyear", "hour": "hour",
    "minute": "minute", "second": "second", "millisecond": "fb_millisecond", "year_of_week": "isoyear",
    "yow": "isoyear", "last_day_of_month": "last_day", "from_unixtime": "fb_from_unixtime",
    "to_unixtime": "fb_to_unixtime", "from_iso8601_timestamp": "fb_from_iso8601_timestamp",
    "from_iso8601_date": "fb_from_iso8601_date", "to_iso8601": "fb_to_iso8601", "at_timezone": _at_timezone,
    "with_timezone": "fb_with_timezone", "from_unixtime_nanos": "fb_from_unixtime_nanos", "timezone_hour": "timezone_hour",
    "timezone_minute": "timezone_minute", "human_readable_seconds": "fb_human_readable_seconds",
    "to_milliseconds": "fb_to_milliseconds",
    # conditions
    "try": "try", "typeof": "fb_typeof",
    # arrays
    "cardinality": "cardinality", "contains": "fb_contains", "element_at": "fb_element_at", "array_distinct": "fb_array_distinct",
    "array_except": "fb_array_except", "array_intersect": "fb_array_intersect", "array_join": "fb_array_join",
    "array_max": "fb_array_max", "array_min": "fb_array_min", "array_position": "fb_array_position",
    "array_remove": "fb_array_remove", "array_sort": sort, "array_union": "fb_array_union",
    "arrays_overlap": "fb_arrays_overlap", "array_sum": "list_sum", "array_average": "list_avg", "flatten": "flatten", "repeat": "fb_repeat",
    "sequence": "fb_sequence", "slice": "fb_slice", "trim_array": "fb_trim_array",
    "transform": with_lambda("list_transform"), "filter": with_lambda("list_filter"), "reduce": reduce_,
    "any_match": match_("any_match"), "all_match": match_("all_match"), "none_match": match_("none_match"),
    "zip": zip_, "zip_with": zip_with, "ngrams": "fb_ngrams",
    "array_first": "fb_array_first", "array_last": "fb_array_last",
    # maps
    "map": _map, "map_concat": "map_concat", "transform_keys": map_lambda("transform_keys"),
    "transform_values": map_lambda("transform_values"), "map_filter": map_lambda("map_filter"),
    "map_agg": map_agg, "histogram": histogram, "multimap_agg": multimap_agg,

    # JSON
    "json_extract": json_function("fb_json_extract"), "json_extract_scalar": json_function("fb_json_extract_scalar"),
    "json_parse": "fb_json_parse", "json_format": "fb_json_format", "json_array_get": "fb_json_array_get",
    "json_array_length": "fb_json_array_length", "json_array_contains": "fb_json_array_contains",
    "json_size": json_function("fb_json_size"), "is_json_scalar": "fb_is_json_scalar",
    # patterns
    "regexp_like": "regexp_matches", "regexp_extract": "fb_regexp_extract",
    "regexp_extract_all": "regexp_extract_all", "regexp_replace": regexp_replace, "regexp_count": "fb_regexp_count",
    "regexp_split": "regexp_split_to_array", "regexp_position": "fb_regexp_position",
    # addresses
    "url_extract_protocol": "fb_url_protocol", "url_extract_host": "fb_url_host", "url_extract_port": "fb_url_port",
    "url_extract_path": "fb_url_path", "url_extract_query": "fb_url_query",
    "url_extract_fragment": "fb_url_fragment", "url_extract_parameter": "fb_url_parameter",
    "url_encode": "url_encode", "url_decode": "url_decode",
    # bytes
    "md5": "fb_md5", "sha1": "fb_sha1", "sha256": "fb_sha256", "to_base64": "to_base64",
    "uuid": "uuid",
    # aggregates
    "sum": "sum", "avg": "avg", "arbitrary": "any_value", "any_value": "any_value", "count_if": "count_if",
    "approx_distinct": _approx_distinct, "approx_percentile": _approx_percentile,
    "geometric_mean": geometric_mean, "bitwise_and_agg": "bit_and", "bitwise_or_agg": "bit_or",
    "entropy": "entropy", "bool_and": "bool_and", "every": "bool_and",
}  # fmt: skip
