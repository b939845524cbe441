"""Functions that take functions: over arrays and maps."""

from __future__ import annotations

from sqlglot import exp

from forebay.query.sql.build import Args, Arity, Builder, call, need, number, swap, text


def reduce_(args: Args) -> exp.Expr:
    """reduce(list, start, step, finish): DuckDB folds; `finish` is applied by name to what comes out."""
    need(args, 4)
    items, start, step, finish = args
    if not isinstance(step, exp.Lambda) or not isinstance(finish, exp.Lambda):
        raise Arity("needs two functions: (state, element) -> state, and state -> result")
    folded = call("list_reduce", items, step, start)
    return call("list_extract", call("list_transform", exp.Array(expressions=[folded]), finish), number(1))


def with_lambda(name: str) -> Builder:
    """A function that DuckDB has under `name`."""

    def build(args: Args) -> exp.Expr:
        need(args, 2)
        return call(name, *args)

    return build


def match_(name: str) -> Builder:
    """any_match, all_match, none_match by three-valued logic over the list of answers."""

    def build(args: Args) -> exp.Expr:
        need(args, 2)
        return call(f"fb_{name}", call("list_transform", args[0], args[1]))

    return build


def map_lambda(which: str) -> Builder:
    """transform_keys, transform_values, map_filter: a function of (k, v) over a map's entries."""

    def build(args: Args) -> exp.Expr:
        need(args, 2)
        subject, function = args
        if not isinstance(function, exp.Lambda) or len(function.expressions) != 2:
            raise Arity("needs a function of key and value: (k, v) -> ...")
        key, value = (str(part.name) for part in function.expressions)
        entry = exp.to_identifier("fb_entry")

        def inside(field: str) -> exp.Expr:
            return call("struct_extract", entry.copy(), text(field))

        body = swap(function, {key: inside("key"), value: inside("value")})
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


def zip_with(args: Args) -> exp.Expr:
    """zip_with: one list of pairs, one function of them."""
    need(args, 3)
    first, second, function = args
    if not isinstance(function, exp.Lambda) or len(function.expressions) != 2:
        raise Arity("needs a function of two elements")
    pair = exp.to_identifier("fb_pair")
    names = [str(part.name) for part in function.expressions]
    body = swap(
        function, {name: call("struct_extract", pair.copy(), number(i)) for i, name in enumerate(names, 1)}
    )
    return call("list_transform", call("list_zip", first, second), exp.Lambda(this=body, expressions=[pair]))


def sort(args: Args) -> exp.Expr:
    """array_sort: NULLs last, or by a comparator."""
    need(args, 1, 2)
    if len(args) == 2:
        return _sort_by(args[0], args[1])
    return call("list_sort", args[0], text("ASC"), text("NULLS LAST"))


def _sort_by(items: exp.Expr, compare: exp.Expr) -> exp.Expr:
    """Sorted by a comparator: an element's place is how many others it says come before it."""
    if not isinstance(compare, exp.Lambda) or len(compare.expressions) != 2:
        raise Arity("needs a function of two elements")
    first, second = (str(part.name) for part in compare.expressions)
    x, i, y, j = (exp.to_identifier(f"fb_{name}") for name in "xiyj")
    said = swap(compare, {first: y, second: x})
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


def zip_(args: Args) -> exp.Expr:
    """zip: rows whose fields are field0, field1, ..."""
    need(args, 2, 5)
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


def combinations(args: Args) -> exp.Expr:
    """combinations: nested as deep as their size."""
    need(args, 2)
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


def map_zip_with(args: Args) -> exp.Expr:
    """map_zip_with: over the keys of both maps."""
    need(args, 3)
    first, second, function = args
    if not isinstance(function, exp.Lambda) or len(function.expressions) != 3:
        raise Arity("needs a function of key and two values")
    key, one, two = (str(part.name) for part in function.expressions)
    k = exp.to_identifier("fb_k")

    def value(of: exp.Expr) -> exp.Expr:
        return call("list_extract", call("map_extract", of.copy(), k.copy()), number(1))

    body = swap(function, {key: k, one: value(first), two: value(second)})
    keys = call("fb_array_union", call("map_keys", first.copy()), call("map_keys", second.copy()))
    values = call("list_transform", keys, exp.Lambda(this=body, expressions=[k]))
    return call("map", keys.copy(), values)
