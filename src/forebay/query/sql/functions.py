"""Every function a query may call, and what it is in DuckDB: the allow-list is the translation.

A value is DuckDB's name (or the name of a macro in `macros.py`, which begin with `fb_`), or a builder that
makes the expression from the arguments. What is not in `FUNCTIONS` cannot be called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

Args = Sequence[exp.Expr]
Builder = Callable[[Args], exp.Expr]


class Arity(Exception):
    """Wrong number or kind of arguments; the message says what is expected."""


def call(name: str, *args: exp.Expr) -> exp.Expr:
    """A call of a DuckDB function or macro."""
    return exp.Anonymous(this=name, expressions=list(args))


def text(value: str) -> exp.Expr:
    """An SQL string."""
    return exp.Literal.string(value)


def number(value: int) -> exp.Expr:
    """An SQL integer."""
    return exp.Literal.number(str(value)) if value >= 0 else exp.Neg(this=exp.Literal.number(str(-value)))


def _need(args: Args, least: int, most: int | None = None) -> None:
    if not least <= len(args) <= (most or least):
        expected = str(least) if most in (None, least) else f"{least} to {most}"
        raise Arity(f"expects {expected} arguments, not {len(args)}")


def _any_null(args: Args, value: exp.Expr) -> exp.Expr:
    """NULL if any argument is."""
    conditions = exp.or_(*(exp.Is(this=a.copy(), expression=exp.Null()) for a in args))
    return exp.Case(ifs=[exp.If(this=conditions, true=exp.Null())], default=value)


def _concat(args: Args) -> exp.Expr:
    _need(args, 1, 254)
    whole = args[0]
    for arg in args[1:]:
        whole = exp.Anonymous(this="fb_concat", expressions=[whole, arg])
    return whole


def _concat_ws(args: Args) -> exp.Expr:
    _need(args, 2, 254)
    return call("concat_ws", *args) if len(args) > 2 else call("fb_concat_ws", *args)


def _greatest(name: str) -> Builder:
    def build(args: Args) -> exp.Expr:
        _need(args, 1, 254)
        return _any_null(args, call(name, *args))

    return build


def _approx_percentile(args: Args) -> exp.Expr:
    _need(args, 2, 3)
    if len(args) == 3:  # (x, weight, percentage): the weight repeats the value
        raise Arity("with weights is not supported")
    return call("approx_quantile", *args)


def _date_unit(name: str) -> Builder:
    """Functions whose first argument is a unit: one macro a unit, so that the types stay exact."""

    def build(args: Args) -> exp.Expr:
        _need(args, 3 if name != "date_trunc" else 2)
        unit = args[0]
        if not (isinstance(unit, exp.Literal) and unit.is_string):
            raise Arity("needs its unit as a text in quotes")
        word = str(unit.this).lower()
        if word not in UNITS:
            raise Arity(f"knows no unit '{word}'; one of {', '.join(UNITS)}")
        return call(f"fb_{name}_{word}", *args[1:])

    return build


UNITS = ("millisecond", "second", "minute", "hour", "day", "week", "month", "quarter", "year")

# MySQL's date format letters (date_format, date_parse) in strftime's.
_MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I", "I": "%I",
    "i": "%M", "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p", "r": "%I:%M:%S %p",
    "S": "%S", "s": "%S", "T": "%H:%M:%S", "v": "%V", "W": "%A", "x": "%G", "Y": "%Y", "y": "%y", "%": "%%",
}  # fmt: skip


def mysql_format(pattern: str) -> str:
    """A date_format pattern in strftime's letters. Raises Arity for what Trino refuses."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char != "%" or at + 1 == len(pattern):
            out.append("%%" if char == "%" else char)
            at += 1
            continue
        letter = pattern[at + 1]
        if letter in "DUuVwX":
            raise Arity(f"%{letter} is not supported in a date format")
        out.append(_MYSQL.get(letter, letter))
        at += 2
    return "".join(out)


# Joda's letters (format_datetime, parse_datetime) in strftime's; the longest run wins.
_JODA = [
    ("yyyy", "%Y"), ("YYYY", "%Y"), ("xxxx", "%G"), ("yy", "%y"), ("y", "%Y"), ("MMMM", "%B"), ("MMM", "%b"),
    ("MM", "%m"), ("M", "%-m"), ("dd", "%d"), ("d", "%-d"), ("DDD", "%j"), ("D", "%-j"), ("HH", "%H"),
    ("H", "%-H"), ("hh", "%I"), ("h", "%-I"), ("kk", "%H"), ("mm", "%M"), ("m", "%-M"), ("ss", "%S"),
    ("s", "%-S"), ("SSSSSS", "%f"), ("SSS", "%g"), ("EEEE", "%A"), ("EEE", "%a"), ("E", "%a"), ("e", "%u"),
    ("ww", "%V"), ("a", "%p"), ("ZZZ", "%Z"), ("ZZ", "%z"), ("Z", "%z"), ("z", "%Z"),
]  # fmt: skip


def joda_format(pattern: str) -> str:
    """A Joda pattern in strftime's letters. Raises Arity on a letter we do not know."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "'":
            end = pattern.find("'", at + 1)
            if end == at + 1:
                out.append("'")
            else:
                out.append(pattern[at + 1 : end if end > 0 else len(pattern)].replace("%", "%%"))
            at = (end if end > 0 else len(pattern)) + 1
            continue
        if not char.isalpha():
            out.append("%%" if char == "%" else char)
            at += 1
            continue
        for run, letter in _JODA:
            if pattern.startswith(run, at):
                out.append(letter)
                at += len(run)
                break
        else:
            raise Arity(f"'{char}' is not a letter of a date format")
    return "".join(out)


def _formatted(macro: str, translate: Callable[[str], str]) -> Builder:
    def build(args: Args) -> exp.Expr:
        _need(args, 2)
        pattern = args[1]
        if not (isinstance(pattern, exp.Literal) and pattern.is_string):
            raise Arity("needs its format as a text in quotes")
        return call(macro, args[0], text(translate(str(pattern.this))))

    return build


def _regexp_replace(args: Args) -> exp.Expr:
    _need(args, 2, 3)
    pattern = args[1]
    if len(args) == 2:
        return call("regexp_replace", args[0], pattern, text(""), text("g"))
    to = args[2]
    if isinstance(to, exp.Lambda):
        raise Arity("with a function is not supported")
    if isinstance(to, exp.Literal):
        to = text(_java_groups(str(to.this)))
    else:
        to = call("regexp_replace", to, text(r"\$(\d)"), text(r"\\\1"), text("g"))
    return call("regexp_replace", args[0], pattern, to, text("g"))


def _java_groups(replacement: str) -> str:
    out: list[str] = []
    at = 0
    while at < len(replacement):
        char = replacement[at]
        if char == "\\" and at + 1 < len(replacement):
            following = replacement[at + 1]
            out.append("\\\\" if following == "\\" else following)
            at += 2
        elif char == "$" and replacement[at + 1 : at + 2].isdigit():
            out.append("\\" + replacement[at + 1])
            at += 2
        else:
            out.append(char)
            at += 1
    return "".join(out)


def _reduce(args: Args) -> exp.Expr:
    """reduce(list, start, step, finish): DuckDB folds; `finish` is applied by name to what comes out."""
    _need(args, 4)
    items, start, step, finish = args
    if not isinstance(step, exp.Lambda) or not isinstance(finish, exp.Lambda):
        raise Arity("needs two functions: (state, element) -> state, and state -> result")
    folded = call("list_reduce", items, step, start)
    return call("list_extract", call("list_transform", exp.Array(expressions=[folded]), finish), number(1))


def _with_lambda(name: str) -> Builder:
    def build(args: Args) -> exp.Expr:
        _need(args, 2)
        return call(name, *args)

    return build


def _match(name: str) -> Builder:
    """any_match, all_match, none_match by three-valued logic over the list of answers."""

    def build(args: Args) -> exp.Expr:
        _need(args, 2)
        return call(f"fb_{name}", call("list_transform", args[0], args[1]))

    return build


def _map_lambda(which: str) -> Builder:
    """transform_keys, transform_values, map_filter: a function of (k, v) over a map's entries."""

    def build(args: Args) -> exp.Expr:
        _need(args, 2)
        subject, function = args
        if not isinstance(function, exp.Lambda) or len(function.expressions) != 2:
            raise Arity("needs a function of key and value: (k, v) -> ...")
        key, value = (str(part.name) for part in function.expressions)
        entry = exp.to_identifier("fb_entry")

        def inside(field: str) -> exp.Expr:
            return call("struct_extract", entry.copy(), text(field))

        body = _swap(function, {key: inside("key"), value: inside("value")})
        entries = call("map_entries", subject)
        if which == "map_filter":
            kept = call("list_filter", entries, exp.Lambda(this=body, expressions=[entry.copy()]))
            return call("map_from_entries", kept)
        key_out = body if which == "transform_keys" else inside("key")
        value_out = body if which == "transform_values" else inside("value")
        made = call(
            "list_transform",
            entries,
            exp.Lambda(this=call("row", key_out, value_out), expressions=[entry.copy()]),
        )
        return call("map_from_entries", made)

    return build


def _swap(function: exp.Lambda, swaps: dict[str, exp.Expr]) -> exp.Expr:
    """The function's body with its parameters replaced."""
    wanted = {name.lower(): value for name, value in swaps.items()}
    holder = exp.Paren(this=function.this)
    for found in list(holder.find_all(exp.Identifier)):
        swap = wanted.get(str(found.this).lower())
        if swap is None or isinstance(found.parent, (exp.Column, exp.TableAlias)):
            continue
        if isinstance(found.parent, exp.Dot) and found.parent.expression is found:
            continue
        found.replace(swap.copy())
    return holder


def _zip_with(args: Args) -> exp.Expr:
    _need(args, 3)
    first, second, function = args
    if not isinstance(function, exp.Lambda) or len(function.expressions) != 2:
        raise Arity("needs a function of two elements")
    pair = exp.to_identifier("fb_pair")
    names = [str(part.name) for part in function.expressions]
    body = _swap(
        function, {name: call("struct_extract", pair.copy(), number(i)) for i, name in enumerate(names, 1)}
    )
    return call("list_transform", call("list_zip", first, second), exp.Lambda(this=body, expressions=[pair]))


def _typed(name: str, kind: str) -> Builder:
    """DuckDB's function with the result type that Trino gives it."""

    def build(args: Args) -> exp.Expr:
        return exp.Cast(this=call(name, *args), to=exp.DataType.build(kind, dialect="duckdb"))

    return build


def _format(args: Args) -> exp.Expr:
    """format(): Java's patterns in printf's."""
    _need(args, 1, 254)
    pattern = args[0]
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise Arity("needs its pattern as a text in quotes")
    from forebay.query.sql.java_format import build_format  # noqa: PLC0415 - rarely needed

    return build_format(str(pattern.this), list(args[1:]))


def _sort(args: Args) -> exp.Expr:
    _need(args, 1, 2)
    if len(args) == 2:
        return _sort_by(args[0], args[1])
    return call("list_sort", args[0], text("ASC"), text("NULLS LAST"))


def _sort_by(items: exp.Expr, compare: exp.Expr) -> exp.Expr:
    """Sorted by a comparator: an element's place is how many others it says come before it."""
    if not isinstance(compare, exp.Lambda) or len(compare.expressions) != 2:
        raise Arity("needs a function of two elements")
    first, second = (str(part.name) for part in compare.expressions)
    x, i, y, j = (exp.to_identifier(f"fb_{name}") for name in "xiyj")
    said = _swap(compare, {first: y, second: x})
    before = exp.or_(
        exp.LT(this=said, expression=number(0)),
        exp.and_(exp.EQ(this=said.copy(), expression=number(0)), exp.LT(this=j.copy(), expression=i.copy())),
    )
    earlier = call("list_filter", items.copy(), exp.Lambda(this=before, expressions=[y.copy(), j.copy()]))
    ranked = exp.Lambda(this=call("row", call("len", earlier), x.copy()), expressions=[x.copy(), i.copy()])
    pairs = call("list_sort", call("list_transform", items, ranked))
    return _field_of(pairs, 2)


def _field_of(rows: exp.Expr, place: int) -> exp.Expr:
    row = exp.to_identifier("fb_row")
    body = call("struct_extract", row.copy(), number(place))
    return call("list_transform", rows, exp.Lambda(this=body, expressions=[row]))


def _zip(args: Args) -> exp.Expr:
    _need(args, 2, 5)
    row = exp.to_identifier("fb_row")
    fields = [
        exp.PropertyEQ(
            this=exp.to_identifier(f"field{i}"), expression=call("struct_extract", row.copy(), number(i + 1))
        )
        for i in range(len(args))
    ]
    return call(
        "list_transform",
        call("list_zip", *args),
        exp.Lambda(this=exp.Struct(expressions=fields), expressions=[row]),
    )


def _combinations(args: Args) -> exp.Expr:
    _need(args, 2)
    size = int(str(args[1].this)) if isinstance(args[1], exp.Literal) and not args[1].is_string else -1
    if not 0 < size <= 5:
        raise Arity("needs a size from 1 to 5, as a number")

    def choose(items: exp.Expr, left: int) -> exp.Expr:
        one = exp.to_identifier(f"fb_c{left}")
        if left == 1:
            return call(
                "list_transform",
                items,
                exp.Lambda(this=exp.Array(expressions=[one.copy()]), expressions=[one]),
            )
        at, rest = exp.to_identifier(f"fb_i{left}"), exp.to_identifier(f"fb_r{left}")
        after = call(
            "list_slice",
            items.copy(),
            exp.Add(this=at.copy(), expression=number(1)),
            call("len", items.copy()),
        )
        with_it = exp.Lambda(this=call("list_prepend", one.copy(), rest.copy()), expressions=[rest])
        each = exp.Lambda(
            this=call("list_transform", choose(after, left - 1), with_it), expressions=[one, at]
        )
        return call("flatten", call("list_transform", items, each))

    return choose(args[0], size)


def _map_zip_with(args: Args) -> exp.Expr:
    _need(args, 3)
    first, second, function = args
    if not isinstance(function, exp.Lambda) or len(function.expressions) != 3:
        raise Arity("needs a function of key and two values")
    key, one, two = (str(part.name) for part in function.expressions)
    k = exp.to_identifier("fb_k")

    def value(of: exp.Expr) -> exp.Expr:
        return call("list_extract", call("map_extract", of.copy(), k.copy()), number(1))

    body = _swap(function, {key: k, one: value(first), two: value(second)})
    keys = call("fb_array_union", call("map_keys", first.copy()), call("map_keys", second.copy()))
    values = call("list_transform", keys, exp.Lambda(this=body, expressions=[k]))
    return call("map", keys.copy(), values)


def _replace(args: Args) -> exp.Expr:
    _need(args, 2, 3)
    return call("replace", *args, *([text("")] if len(args) == 2 else []))


def _by(name: str) -> Builder:
    """max_by, min_by: the value may be NULL."""

    def build(args: Args) -> exp.Expr:
        _need(args, 2, 3)
        return call(f"arg_{name}_null" if len(args) == 2 else f"arg_{name}", *args)

    return build


def _map(args: Args) -> exp.Expr:
    if not args:
        return call("map")
    _need(args, 2)
    return call("map", *args)


def _flag(value: bool) -> Builder:
    def build(args: Args) -> exp.Expr:
        _need(args, 0)
        return exp.Boolean(this=value)

    return build


def _at_timezone(args: Args) -> exp.Expr:
    _need(args, 2)
    return exp.AtTimeZone(this=args[0], zone=args[1])


def _now(args: Args) -> exp.Expr:
    _need(args, 0)
    return call("fb_now")


def _json_path(macro: str) -> Builder:
    def build(args: Args) -> exp.Expr:
        _need(args, 2)
        path = args[1]
        if isinstance(path, exp.Literal) and path.is_string:
            return call(macro, args[0], text(json_path(str(path.this))))
        return call(macro, args[0], path)

    return build


def json_path(path: str) -> str:
    """Trino's JSON path in DuckDB's: `$.store.book[0]['a b']` → `$."store"."book"[0]."a b"`."""
    if not path.startswith("$"):
        path = "$." + path
    out = ["$"]
    at = 1
    while at < len(path):
        if path[at] == ".":
            end = at + 1
            if path[end : end + 1] == '"':
                close = path.find('"', end + 1)
                name, at = path[end + 1 : close], close + 1
            else:
                while end < len(path) and path[end] not in ".[":
                    end += 1
                name, at = path[at + 1 : end], end
            out.append(".*" if name == "*" else '."' + name.replace('"', '\\"') + '"')
        elif path[at] == "[":
            close = path.find("]", at)
            if close < 0:
                raise Arity(f"Invalid JSON path: '{path}'")
            inside = path[at + 1 : close].strip()
            if inside[:1] in "\"'" and inside:
                out.append('."' + inside[1:-1].replace('"', '\\"') + '"')
            elif inside == "*" or inside.isdigit():
                out.append(f"[{inside}]")
            else:
                raise Arity(f"Invalid JSON path: '{path}'")
            at = close + 1
        else:
            raise Arity(f"Invalid JSON path: '{path}'")
    return "".join(out)


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
    "replace": _replace, "ends_with": "ends_with", "cbrt": "fb_cbrt", "array_histogram": "fb_array_histogram",
    "combinations": _combinations, "contains_sequence": "fb_contains_sequence", "shuffle": "fb_shuffle",
    "dot_product": "fb_dot_product", "euclidean_distance": "fb_euclidean_distance",
    "cosine_similarity": "fb_cosine_similarity", "multimap_from_entries": "fb_multimap_from_entries",
    "map_zip_with": _map_zip_with, "split_to_multimap": "fb_split_to_multimap", "map_entries": "fb_map_entries",
    "max_by": _by("max"), "min_by": _by("min"), "[]": "fb_subscript",
    # text
    "concat": _concat, "substr": "fb_substr", "char_length": "length", "character_length": "length",
    "chr": "fb_chr", "codepoint": "fb_codepoint", "lpad": "fb_lpad", "rpad": "fb_rpad", "ltrim": "fb_ltrim",
    "rtrim": "fb_rtrim", "split": "fb_split", "split_part": "fb_split_part", "split_to_map": "fb_split_to_map",
    "strpos": "fb_strpos", "translate": "fb_translate", "levenshtein_distance": "levenshtein",
    "hamming_distance": "hamming", "luhn_check": "fb_luhn_check", "to_utf8": "encode", "from_utf8": "decode",
    "normalize": "nfc_normalize", "format": _format,
    "upper": "upper", "strrpos": "fb_strrpos", "concat_ws": _concat_ws, "substring": "fb_substr",
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
    "date": "fb_date", "date_trunc": _date_unit("date_trunc"), "date_add": _date_unit("date_add"),
    "date_diff": _date_unit("date_diff"), "date_format": _formatted("fb_date_format", mysql_format),
    "date_parse": _formatted("fb_date_parse", mysql_format), "format_datetime": _formatted("fb_date_format", joda_format),
    "parse_datetime": _formatted("fb_parse_datetime", joda_format), "now": _now, "year": "fb_year", "quarter": "quarter",
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
    "array_remove": "fb_array_remove", "array_sort": _sort, "array_union": "fb_array_union",
    "arrays_overlap": "fb_arrays_overlap", "array_sum": "list_sum", "array_average": "list_avg", "flatten": "flatten", "repeat": "fb_repeat",
    "sequence": "fb_sequence", "slice": "fb_slice", "trim_array": "fb_trim_array",
    "transform": _with_lambda("list_transform"), "filter": _with_lambda("list_filter"), "reduce": _reduce,
    "any_match": _match("any_match"), "all_match": _match("all_match"), "none_match": _match("none_match"),
    "zip": _zip, "zip_with": _zip_with, "ngrams": "fb_ngrams",
    "array_first": "fb_array_first", "array_last": "fb_array_last",
    # maps
    "map": _map, "map_concat": "map_concat", "transform_keys": _map_lambda("transform_keys"),
    "transform_values": _map_lambda("transform_values"), "map_filter": _map_lambda("map_filter"),
    "map_agg": "fb_map_agg", "histogram": "fb_histogram", "multimap_agg": "fb_multimap_agg",

    # JSON
    "json_extract": _json_path("fb_json_extract"), "json_extract_scalar": _json_path("fb_json_extract_scalar"),
    "json_parse": "fb_json_parse", "json_format": "fb_json_format", "json_array_get": "fb_json_array_get",
    "json_array_length": "fb_json_array_length", "json_array_contains": "fb_json_array_contains",
    "json_size": _json_path("fb_json_size"), "is_json_scalar": "fb_is_json_scalar",
    # patterns
    "regexp_like": "regexp_matches", "regexp_extract": "fb_regexp_extract",
    "regexp_extract_all": "regexp_extract_all", "regexp_replace": _regexp_replace, "regexp_count": "fb_regexp_count",
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
    "approx_distinct": "approx_count_distinct", "approx_percentile": _approx_percentile,
    "geometric_mean": "fb_geometric_mean", "bitwise_and_agg": "bit_and", "bitwise_or_agg": "bit_or",
    "entropy": "entropy", "set_agg": "fb_set_agg", "bool_and": "bool_and", "every": "bool_and",
}  # fmt: skip

AGGREGATES = frozenset(
    [
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "max_by",
        "min_by",
        "array_agg",
        "bool_and",
        "bool_or",
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
        "any_value",
        "count_if",
        "approx_count_distinct",
        "approx_quantile",
        "bit_and",
        "bit_or",
        "entropy",
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
    ]
)
"""DuckDB's names of those that may carry DISTINCT, ORDER BY, FILTER or OVER."""
