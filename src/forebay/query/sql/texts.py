"""Functions of text: concatenation, patterns, JSON paths, formats."""

from __future__ import annotations

from sqlglot import exp

from forebay.query.sql.build import Args, Arity, Builder, call, need, text


def concat(args: Args) -> exp.Expr:
    """concat: NULL if anything is."""
    need(args, 1, 254)
    whole = args[0]
    for arg in args[1:]:
        whole = exp.Anonymous(this="fb_concat", expressions=[whole, arg])
    return whole


def concat_ws(args: Args) -> exp.Expr:
    """concat_ws: of texts, or of one array."""
    need(args, 2, 254)
    return call("concat_ws", *args) if len(args) > 2 else call("fb_concat_ws", *args)


def regexp_replace(args: Args) -> exp.Expr:
    """regexp_replace: every match; Java's `$1`."""
    need(args, 2, 3)
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


def format_(args: Args) -> exp.Expr:
    """format(): Java's patterns in printf's."""
    need(args, 1, 254)
    pattern = args[0]
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        raise Arity("needs its pattern as a text in quotes")
    from forebay.query.sql.java_format import build_format  # noqa: PLC0415 - rarely needed

    return build_format(str(pattern.this), list(args[1:]))


def replace(args: Args) -> exp.Expr:
    """replace: with nothing, where nothing is given."""
    need(args, 2, 3)
    return call("replace", *args, *([text("")] if len(args) == 2 else []))


def json_function(macro: str) -> Builder:
    """A function of JSON and a path, the path in DuckDB's spelling."""

    def build(args: Args) -> exp.Expr:
        need(args, 2)
        path = args[1]
        if isinstance(path, exp.Literal) and path.is_string:
            return call(macro, args[0], text(json_path(str(path.this))))
        return call(macro, args[0], path)

    return build


def json_path(path: str) -> str:
    """Trino's JSON path in DuckDB's: `$.store.book[0]['a b']` → `$."store"."book"[0]."a b"`."""
    path = path.removeprefix("lax ").removeprefix("strict ").strip()
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
