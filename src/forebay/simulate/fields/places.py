"""`address.*`: places."""

from __future__ import annotations

from typing import Any

from forebay.simulate import words
from forebay.simulate.fields.base import (
    BadArguments,
    Context,
    Make,
    Maker,
    at_most,
    digits,
    one_of,
    plain,
)
from forebay.simulate.fields.people import first, last


def _city(context: Context, arguments: list[Any]) -> Make:
    del arguments  # a number chooses one of the four forms in other locales

    def make() -> str:
        form = context.below(4)
        if form < 2:
            end = context.pick(words.CITY_SUFFIXES) if form == 0 else ""
            return f"{context.pick(words.CITY_PREFIXES)} {first(context)}{end}"
        return f"{first(context) if form == 2 else last(context)}{context.pick(words.CITY_SUFFIXES)}"

    return make


def _street(context: Context) -> str:
    return f"{last(context) if context.below(2) else first(context)} {context.pick(words.STREET_SUFFIXES)}"


def _second(context: Context) -> str:
    return digits(context, context.pick(["Apt. ###", "Suite ###"]))


def _street_address(context: Context, arguments: list[Any]) -> Make:
    (full,) = at_most(arguments, 1, fix="{{address.streetAddress(true)}}")

    def make() -> str:
        street = f"{digits(context, context.pick(['###', '####', '#####']))} {_street(context)}"
        return f"{street} {_second(context)}" if full else street

    return make


def _zip(context: Context, arguments: list[Any]) -> Make:
    (given,) = at_most(arguments, 1, fix='{{address.zipCode("#####")}}')
    if given is not None and not isinstance(given, str):
        raise BadArguments(f"{given!r} is no pattern", fix='{{address.zipCode("#####")}}')
    return lambda: digits(context, given or context.pick(["#####", "#####-####"]))


def _degrees(most: int) -> Maker:
    return plain(lambda context: f"{context.random.uniform(-most, most):.4f}")


FIELDS: dict[str, Maker] = {
    "zipCode": _zip,
    "city": _city,
    "cityPrefix": one_of(words.CITY_PREFIXES),
    "citySuffix": one_of(words.CITY_SUFFIXES),
    "streetName": plain(_street),
    "streetAddress": _street_address,
    "streetSuffix": one_of(words.STREET_SUFFIXES),
    "streetPrefix": one_of(words.CITY_PREFIXES),
    "secondaryAddress": plain(_second),
    "county": one_of(words.COUNTIES),
    "country": one_of(list(words.COUNTRIES.values())),
    "countryCode": one_of(list(words.COUNTRIES)),
    "state": one_of(list(words.STATES.values())),
    "stateAbbr": one_of(list(words.STATES)),
    "latitude": _degrees(90),
    "longitude": _degrees(180),
}
