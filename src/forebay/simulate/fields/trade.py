"""`commerce.*`, `company.*` and `finance.*`."""

from __future__ import annotations

from typing import Any

from forebay.simulate import words
from forebay.simulate.fields.base import (
    BadArguments,
    Context,
    Make,
    Maker,
    at_most,
    count_of,
    digits,
    number_of,
    one_of,
    plain,
)
from forebay.simulate.fields.people import last

_COIN = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _amount(cents: bool) -> Maker:
    """Money from min (0) to max (1000) with so many places (2). A price has whole units, as faker.js has it."""

    def maker(context: Context, arguments: list[Any]) -> Make:
        fix = "{{finance.amount(5, 100, 2)}}"
        least, most, places, symbol = at_most(arguments, 4, fix)
        low, high = number_of(least, 0, fix), number_of(most, 1000, fix)
        decimals, sign = count_of(places, 2, 10), "" if symbol is None else str(symbol)
        if low > high:
            raise BadArguments(f"the least, {low:g}, is more than the most, {high:g}", fix=fix)
        rand = context.random.random
        if cents:
            scale = 10**decimals
            size = round((high - low) * scale) + 1
            return lambda: f"{sign}{low + int(rand() * size) / scale:.{decimals}f}"
        return lambda: f"{sign}{low + int(rand() * (high - low + 1)):.{decimals}f}"

    return maker


def _product(context: Context) -> str:
    lists = (words.PRODUCT_ADJECTIVES, words.PRODUCT_MATERIALS, words.PRODUCTS)
    return " ".join(context.pick(each) for each in lists)


def _company(context: Context, arguments: list[Any]) -> Make:
    (given,) = at_most(arguments, 1, fix="a form from 0 to 2")
    chosen = None if given is None else count_of(given, 0, 2)

    def make() -> str:
        form = context.below(3) if chosen is None else chosen
        if form == 0:
            return f"{last(context)} {context.pick(words.COMPANY_SUFFIXES)}"
        if form == 1:
            return f"{last(context)} - {last(context)}"
        return f"{last(context)}, {last(context)} and {last(context)}"

    return make


def _phrase(*lists: list[str]) -> Maker:
    return plain(lambda context: " ".join([context.pick(each) for each in lists]))


def _account(context: Context, arguments: list[Any]) -> Make:
    (given,) = at_most(arguments, 1, fix="how long: {{finance.account(10)}}")
    pattern = "#" * count_of(given, 8, 100)
    return lambda: digits(context, pattern)


def _mask(context: Context, arguments: list[Any]) -> Make:
    given, round_, dots = at_most(arguments, 3, fix="{{finance.mask(4)}}")
    pattern = ("..." if dots else "") + "#" * (count_of(given, 4, 100) or 4)
    return lambda: digits(context, f"({pattern})" if round_ else pattern)


def _coin(context: Context) -> str:
    return str(context.pick("13")) + "".join(context.random.choices(_COIN, k=26 + context.below(8)))


COMMERCE: dict[str, Maker] = {
    "color": one_of(words.COLORS),
    "department": one_of(words.DEPARTMENTS),
    "productName": plain(_product),
    "price": _amount(cents=False),
    "productAdjective": one_of(words.PRODUCT_ADJECTIVES),
    "productMaterial": one_of(words.PRODUCT_MATERIALS),
    "product": one_of(words.PRODUCTS),
}

COMPANY: dict[str, Maker] = {
    "companyName": _company,
    "companySuffix": one_of(words.COMPANY_SUFFIXES),
    "suffixes": plain(lambda _: ",".join(words.COMPANY_SUFFIXES)),
    "catchPhrase": _phrase(words.CATCH_ADJECTIVES, words.CATCH_DESCRIPTORS, words.CATCH_NOUNS),
    "bs": _phrase(words.BS_VERBS, words.BS_ADJECTIVES, words.BS_NOUNS),
    "catchPhraseAdjective": one_of(words.CATCH_ADJECTIVES),
    "catchPhraseDescriptor": one_of(words.CATCH_DESCRIPTORS),
    "catchPhraseNoun": one_of(words.CATCH_NOUNS),
    "bsAdjective": one_of(words.BS_ADJECTIVES),
    "bsBuzz": one_of(words.BS_VERBS),
    "bsNoun": one_of(words.BS_NOUNS),
}

FINANCE: dict[str, Maker] = {
    "account": _account,
    "accountName": plain(lambda context: f"{context.pick(words.ACCOUNT_TYPES)} Account"),
    "mask": _mask,
    "amount": _amount(cents=True),
    "transactionType": one_of(words.TRANSACTIONS),
    "currencyCode": one_of([code for code, _ in words.CURRENCIES.values()]),
    "currencyName": one_of(list(words.CURRENCIES)),
    "currencySymbol": one_of([symbol for _, symbol in words.CURRENCIES.values()]),
    "bitcoinAddress": plain(_coin),
}
