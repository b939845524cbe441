"""`random.*`: numbers, choices, identifiers."""

from __future__ import annotations

import itertools
import math
from bisect import bisect
from typing import Any

from forebay.simulate import words
from forebay.simulate.fields.base import (
    BadArguments,
    Context,
    Make,
    Maker,
    at_most,
    count_of,
    none,
    number_of,
    one_of,
    plain,
    rendered,
)

_NUMBER = '{{random.number(100)}} or {{random.number({"min": 1, "max": 9})}}'
_ARRAY = '{{random.arrayElement(["a", "b"])}}, with double quotes'
_WEIGHTED = '{{random.weightedArrayElement({"weights": [0.9, 0.1], "data": ["OK", "FAIL"]})}}'
_HEX = "0123456789abcdef"
_ALPHANUMERIC = "0123456789abcdefghijklmnopqrstuvwxyz"


def _range(arguments: list[Any], most: float, precision: float) -> tuple[float, float, float]:
    """Least, most and step of a number's options."""
    (given,) = at_most(arguments, 1, fix=_NUMBER)
    if isinstance(given, dict):
        unknown = sorted(set(given) - {"min", "max", "precision"})
        if unknown:
            raise BadArguments(f"{unknown[0]!r} is no option of a number", fix="min, max, precision")
        least = number_of(given.get("min"), 0, _NUMBER)
        most = number_of(given.get("max"), max(most, least), _NUMBER)
        precision = number_of(given.get("precision"), precision, _NUMBER)
    else:
        least, most = 0, number_of(given, most, _NUMBER)
    if precision <= 0:
        raise BadArguments(f"a precision of {precision:g}", fix="1, or 0.01 for hundredths")
    if least > most:
        raise BadArguments(f"min {least:g} is more than max {most:g}", fix="exchange them")
    return least, most, precision


def number(context: Context, arguments: list[Any]) -> Make:
    """`random.number`: whole numbers from min (0) to max (99999), both included; `precision` sets the step."""
    least, most, step = _range(arguments, 99_999, 1)
    rand = context.random.random
    if step == 1 and least == int(least) and most == int(most):
        low, size = int(least), int(most) - int(least) + 1
        return lambda: low + int(rand() * size)
    return _stepped(context, least, most, step)


def _stepped(context: Context, least: float, most: float, step: float) -> Make:
    steps = math.floor(round((most - least) / step, 6)) + 1
    places = max(0, -math.floor(math.log10(step))) + 1
    rand = context.random.random

    def make() -> float:
        value = round(least + int(rand() * steps) * step, places)
        return int(value) if value == int(value) else value

    return make


def floating(context: Context, arguments: list[Any]) -> Make:
    """`random.float`: as a number, in hundredths."""
    return _stepped(context, *_range(arguments, 99_999, 0.01))


def _items(given: Any, fix: str) -> list[Any]:
    if not isinstance(given, list):
        raise BadArguments(f"{given!r} is no list in JSON", fix=fix)
    if not given:
        raise BadArguments("the list is empty", fix=fix)
    return given


def array_element(context: Context, arguments: list[Any]) -> Make:
    """`random.arrayElement`: one of a list; of a, b and c without one."""
    (given,) = at_most(arguments, 1, fix=_ARRAY)
    return one_of(["a", "b", "c"] if given is None else _items(given, _ARRAY))(context, [])


def weighted_element(context: Context, arguments: list[Any]) -> Make:
    """`random.weightedArrayElement`: one of `data`, each as often as its weight says."""
    (given,) = at_most(arguments, 1, fix=_WEIGHTED)
    if not isinstance(given, dict) or set(given) != {"weights", "data"}:
        raise BadArguments("it takes an object of weights and data", fix=_WEIGHTED)
    data, weights = _items(given["data"], _WEIGHTED), _items(given["weights"], _WEIGHTED)
    if len(data) != len(weights):
        raise BadArguments(f"{len(weights)} weights for {len(data)} data", fix="as many of each")
    if any(number_of(weight, 0, _WEIGHTED) < 0 for weight in weights) or not sum(weights):
        raise BadArguments("weights are not negative, and not all 0", fix=_WEIGHTED)
    bounds = list(itertools.accumulate(weights))
    total, last, rand = float(bounds[-1]), len(data) - 1, context.random.random
    texts = [rendered(item) for item in data]
    return lambda: texts[bisect(bounds, rand() * total, 0, last)]


def object_element(context: Context, arguments: list[Any]) -> Make:
    """`random.objectElement`: one of an object's values, or of its keys with `"key"`."""
    given, what = at_most(arguments, 2, fix='{{random.objectElement({"a": 1, "b": 2})}}')
    found = {"foo": "bar", "too": "car"} if given is None else given
    if not isinstance(found, dict) or not found:
        raise BadArguments(f"{given!r} is no object in JSON", fix='{"a": 1, "b": 2}')
    return one_of(list(found) if what == "key" else list(found.values()))(context, [])


def uuid(context: Context, arguments: list[Any]) -> Make:
    """`random.uuid`: of version 4."""
    none(arguments)
    bits = context.random.getrandbits

    def make() -> str:
        text = f"{bits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_HEX[8 + bits(2)]}{text[17:20]}-{text[20:]}"

    return make


def _characters(alphabet: str) -> Maker:
    def maker(context: Context, arguments: list[Any]) -> Make:
        (given,) = at_most(arguments, 1, fix="how many")
        count, choices = count_of(given, 1), context.random.choices
        return lambda: "".join(choices(alphabet, k=count))

    return maker


def hexadecimal(context: Context, arguments: list[Any]) -> Make:
    """`random.hexaDecimal`: so many digits after 0x."""
    make = _characters(_HEX)(context, arguments)
    return lambda: f"0x{make()}"


_WORDS: tuple[list[str], ...] = (
    words.DEPARTMENTS, words.PRODUCT_ADJECTIVES, words.PRODUCT_MATERIALS, words.PRODUCTS, words.COLORS,
    words.CATCH_ADJECTIVES, words.CATCH_DESCRIPTORS, words.CATCH_NOUNS, words.BS_ADJECTIVES, words.BS_VERBS,
    words.BS_NOUNS, words.STREET_SUFFIXES, words.COUNTIES, list(words.COUNTRIES.values()),
    list(words.STATES.values()), words.ACCOUNT_TYPES, words.TRANSACTIONS, list(words.CURRENCIES),
    words.HACKER_NOUNS, words.HACKER_VERBS, words.HACKER_ADJECTIVES, words.JOB_DESCRIPTORS, words.JOB_AREAS,
    words.JOB_TYPES,
)  # fmt: skip


def any_word(context: Context) -> str:
    """A word of any kind."""
    return str(context.pick(context.pick(_WORDS)))


def any_words(context: Context, arguments: list[Any]) -> Make:
    """`random.words`: so many, or one to three."""
    (given,) = at_most(arguments, 1, fix="how many")
    count = None if given is None else count_of(given, 1)

    def make() -> str:
        size = 1 + context.below(3) if count is None else count
        return " ".join([any_word(context) for _ in range(size)])

    return make


def boolean(context: Context, arguments: list[Any]) -> Make:
    """`random.boolean`."""
    none(arguments)
    rand = context.random.random
    return lambda: "true" if rand() < 0.5 else "false"


FIELDS: dict[str, Maker] = {
    "number": number,
    "float": floating,
    "arrayElement": array_element,
    "weightedArrayElement": weighted_element,
    "objectElement": object_element,
    "uuid": uuid,
    "boolean": boolean,
    "word": plain(any_word),
    "words": any_words,
    "locale": one_of(words.LOCALES),
    "alphaNumeric": _characters(_ALPHANUMERIC),
    "alpha": _characters(_ALPHANUMERIC[10:]),
    "hexaDecimal": hexadecimal,
    "image": plain(lambda context: f"https://images.example/640/480/{context.pick(words.IMAGE_KINDS)}"),
}
