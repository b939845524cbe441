"""UNNEST in FROM: arrays, several side by side, maps, arrays of rows, WITH ORDINALITY.

`FROM x CROSS JOIN UNNEST(x.a) AS t(e)` becomes `FROM (SELECT *, unnest(x.a) AS e FROM x) AS x`, which keeps
the order of rows and elements and needs no join. Where that cannot be said (a star, an outer join, nothing
before it) it becomes a lateral subquery.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from forebay.query.sql.build import call, number, text
from forebay.query.sql.casts import Finish, cast
from forebay.query.sql.typing import Types
from forebay.query.types import split_top

MARK = "unnested"
"""On a subquery that we put between a relation and its SELECT."""

Pending = list[tuple[exp.Expr, Finish]]


def rewrite(node: exp.Unnest, number_: int) -> Pending:
    """Replace `node` in its statement; what of it must wait for types. `number_` makes names unique."""
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier("fb_unnest"))
    offset = node.args.get("offset") or None
    names = [str(column.name) for column in alias.columns]
    label = str(alias.this.name) if alias.this else "fb_unnest"
    ordinal = None
    if offset is not None:
        ordinal = str(offset.name) if isinstance(offset, exp.Identifier) else "ordinality"
    select = exp.Select(expressions=_items(node, names, ordinal))
    places = [*names, *([ordinal] if ordinal is not None else [])]
    kept = 0
    if names and _inline(node, select, label, places, number_):
        kept = 1
    else:
        node.replace(exp.Subquery(this=select, alias=exp.TableAlias(this=exp.to_identifier(label))))
    count = len(node.expressions)

    def widen(_: exp.Expr, types: Types) -> exp.Expr | None:
        own = select.expressions[kept:]
        found: list[exp.Expr] = []
        counts: list[exp.Expr] = []
        for item in own[:count]:
            argument = item.this.expressions[0]
            counts.append(call("cardinality", argument.copy()))
            found += _parts(argument, types.of(argument) or "")
        if len(found) == count and not (len(own) - (ordinal is not None) > count):
            return None
        last = own[-1].copy() if ordinal is not None else None
        labels = [item.alias for item in (own[:-1] if last is not None else own)]
        labels += [f"fb_{i}" for i in range(len(labels), len(found))]
        listed: list[exp.Expr] = [exp.alias_(part, labels[i]) for i, part in enumerate(found)]
        if last is not None:
            if len(counts) == 1:
                last = exp.alias_(_numbers(cast(counts[0], "BIGINT")), last.alias)
            listed.append(last)
        select.set("expressions", [*select.expressions[:kept], *listed])
        return None

    return [(select, widen)]


def _items(node: exp.Unnest, names: Sequence[str], ordinal: str | None) -> list[exp.Expr]:
    """A column an argument; NULL for what may turn out to be a map's or a row's further columns."""
    arguments = node.expressions
    items: list[exp.Expr] = []
    for i, argument in enumerate(arguments):
        items.append(exp.alias_(call("unnest", argument.copy()), names[i] if i < len(names) else f"fb_{i}"))
    items += [exp.alias_(exp.Null(), name) for name in names[len(arguments) :]]
    if ordinal is not None:
        lengths = [call("len", argument.copy()) for argument in arguments]
        longest = call("greatest", *lengths) if len(lengths) > 1 else lengths[0]
        items.append(exp.alias_(_numbers(longest), ordinal))
    return items


def _numbers(count: exp.Expr) -> exp.Expr:
    return call("unnest", call("range", number(1), exp.Add(this=count, expression=number(1))))


def _inline(node: exp.Unnest, inner: exp.Select, label: str, places: Sequence[str], number_: int) -> bool:
    """Put the unnesting into what stands before it in FROM, if it may be."""
    join = node.parent
    outer = join.parent if isinstance(join, exp.Join) else None
    if not isinstance(join, exp.Join) or not isinstance(outer, exp.Select):
        return False
    source = outer.args["from_"].this if outer.args.get("from_") else None
    joins = outer.args.get("joins") or []
    plain = not join.args.get("side") and not join.args.get("on") and not join.args.get("using")
    if not plain or joins[0] is not join or not isinstance(source, (exp.Table, exp.Subquery)):
        return False
    owner = source.alias_or_name
    if not owner or source.args.get("joins") or any(_star(item) for item in outer.expressions):
        return False
    wanted = {name.lower(): f"fb_u{number_}_{i}" for i, name in enumerate(places)}
    joins.remove(join)
    for item in inner.expressions:
        item.set(
            "alias",
            exp.to_identifier(wanted[item.alias.lower()])
            if item.alias.lower() in wanted
            else item.args["alias"],
        )
    for column in list(outer.find_all(exp.Column)):
        table, name = column.table.lower(), column.name.lower()
        if name not in wanted or table not in ("", label.lower()) or isinstance(column.this, exp.Star):
            continue
        fresh: exp.Expr = exp.column(wanted[name], table=owner)
        if column.parent is outer and column.arg_key == "expressions":
            fresh = exp.alias_(fresh, column.name)
        column.replace(fresh)
    alias = exp.TableAlias(this=exp.to_identifier(owner))
    inner.set("expressions", [exp.Star(), *inner.expressions])
    held = source.copy()
    between = exp.Subquery(this=inner, alias=alias)
    between.meta[MARK] = True
    source.replace(between)
    inner.set("from_", exp.From(this=held))
    return True


def _star(item: exp.Expr) -> bool:
    return isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star))


def _parts(argument: exp.Expr, kind: str) -> list[exp.Expr]:
    if kind.startswith("MAP("):
        return [call("unnest", call(name, argument.copy())) for name in ("map_keys", "map_values")]
    if kind.startswith("STRUCT(") and kind.endswith("[]"):
        fields = [part.partition(" ")[0].strip('"') for part in split_top(kind[7:-3])]
        item = exp.to_identifier("fb_x")
        return [
            call(
                "unnest",
                call(
                    "list_transform",
                    argument.copy(),
                    exp.Lambda(this=_field(item, field), expressions=[item.copy()]),
                ),
            )
            for field in fields
        ]
    return [call("unnest", argument.copy())]


def _field(item: exp.Identifier, field: str) -> exp.Expr:
    return call("struct_extract", item.copy(), text(field))
