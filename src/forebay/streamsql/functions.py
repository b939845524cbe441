"""The functions of Flink SQL that run here, by name: `functions_text`, `functions_math` and `functions_time` have them."""

from __future__ import annotations

from collections.abc import Sequence

from forebay.streamsql import functions_math, functions_text, functions_time
from forebay.streamsql.types import STRING, Made, Own, Texts, Typed, family
from forebay.streamsql.words import CLOCKS

_PLAIN = functions_text.PLAIN | functions_math.PLAIN
_OWN: dict[str, tuple[str, Own]] = {
    **functions_text.OWN,
    **functions_math.OWN,
    **functions_time.OWN,
}
_KINDS = {"t": "text", "n": "number", "i": "number"}


def call(name: str, args: Sequence[Typed], texts: Texts) -> Made:
    """The function's SQL and type; or, as text, what of it does not run here."""
    if name in CLOCKS:
        return functions_time.clock(name)
    if name in functions_time.PARTS and len(args) == 1:
        name, args, texts = "EXTRACT", [("", STRING), *args], [name, *texts]
    if name in _OWN:
        kinds, own = _OWN[name]
        return _unfit(name, kinds, args) or own(args, texts)
    if name not in _PLAIN:
        return f"the function {name}"
    kinds, template, result = _PLAIN[name]
    wrong = _unfit(name, kinds, args)
    if wrong:
        return wrong
    return template.format(*(sql for sql, _ in args)), result or args[0][1]


def _unfit(name: str, kinds: str, args: Sequence[Typed]) -> str:
    """What is wrong with the arguments: `t` text, `n` number, `a` any, `?` after one that may be left out."""
    many = kinds.endswith("*")
    optional = kinds.count("?")
    kinds = kinds.replace("?", "").rstrip("*")
    if many:
        kinds += kinds[-1] * max(0, len(args) - len(kinds))
    if not len(kinds) - optional <= len(args) <= len(kinds):
        return f"{name} of {len(args)} arguments"
    for kind, (_, type_) in zip(kinds, args, strict=False):
        if kind != "a" and family(type_) not in (_KINDS[kind], "NULL"):
            return f"{name} of {type_}"
    return ""
