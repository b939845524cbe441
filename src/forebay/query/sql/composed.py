"""Aggregates that DuckDB lacks, composed of those it has.

FILTER and OVER, which stand around the whole, are handed to the aggregates inside.
"""

from __future__ import annotations

from sqlglot import exp

from forebay.query.sql.build import Args, call, need

INSIDE = "inside"
"""On an aggregate inside of a composed one."""


def _inside(name: str, *args: exp.Expr) -> exp.Expr:
    made = call(name, *args)
    made.meta[INSIDE] = True
    return made


def map_agg(args: Args) -> exp.Expr:
    """map_agg: of a repeated key, the first value."""
    need(args, 2)
    return call("fb_map_of", _inside("list", args[0]), _inside("list", args[1]))


def multimap_agg(args: Args) -> exp.Expr:
    """multimap_agg: every value of a key."""
    need(args, 2)
    return call("fb_multimap_of", _inside("list", args[0]), _inside("list", args[1]))


def map_union(args: Args) -> exp.Expr:
    """map_union: of a repeated key, the first value."""
    need(args, 1)
    sides = (_inside("list", call(name, args[0].copy())) for name in ("map_keys", "map_values"))
    return call("fb_map_of", *(call("flatten", side) for side in sides))


def histogram(args: Args) -> exp.Expr:
    """histogram: counts by value."""
    need(args, 1)
    return call("fb_bigint_map", _inside("histogram", args[0]))


def geometric_mean(args: Args) -> exp.Expr:
    """geometric_mean: by logarithms."""
    need(args, 1)
    return call("exp", _inside("avg", call("ln", args[0])))


def spread(node: exp.Filter | exp.Window) -> exp.Expr:
    """`node` handed to the aggregates inside of what it stands around; `node` itself where there are none."""
    whole = node.this
    inner = [found for found in whole.walk() if INSIDE in found.meta]
    if not inner:
        return node
    for found in inner:
        del found.meta[INSIDE]
        around = node.copy()
        around.set("this", found.copy())
        around.meta[INSIDE] = True
        found.replace(around)
    made: exp.Expr = whole.copy()
    return made
