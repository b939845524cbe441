"""`name.*`, `phone.*` and `internet.*`: people, and what they are known by on the net."""

from __future__ import annotations

import re
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
    none,
    one_of,
    plain,
)

_TYPED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_PHONES = ("###-###-####", "(###) ###-####", "1-###-###-####", "###.###.####", "###-###-#### x###")


def first(context: Context) -> str:
    """A first name."""
    return str(context.pick(words.FIRST_NAMES))


def last(context: Context) -> str:
    """A last name."""
    return str(context.pick(words.LAST_NAMES))


def _full(context: Context) -> str:
    chance = context.below(8)
    whole = f"{first(context)} {last(context)}"
    if chance == 0:
        return f"{context.pick(words.NAME_PREFIXES)} {whole}"
    return f"{whole} {context.pick(words.NAME_SUFFIXES)}" if chance == 1 else whole


def _job(context: Context) -> str:
    return " ".join(context.pick(each) for each in (words.JOB_DESCRIPTORS, words.JOB_AREAS, words.JOB_TYPES))


def _user(context: Context, given: str | None = None, family: str | None = None) -> str:
    name, kind = given or first(context), context.below(3)
    if kind == 0:
        return f"{name}{context.below(100)}"
    whole = f"{name}{context.pick('._')}{family or last(context)}"
    return whole if kind == 1 else f"{whole}{context.below(100)}"


def _domain(context: Context) -> str:
    return f"{first(context).lower()}.{context.pick(words.DOMAIN_SUFFIXES)}"


def _texts(arguments: list[Any], count: int, fix: str) -> list[str | None]:
    filled = at_most(arguments, count, fix)
    for each in filled:
        if each is not None and not isinstance(each, str):
            raise BadArguments(f"{each!r} is no text", fix=fix)
    return filled


def _user_name(context: Context, arguments: list[Any]) -> Make:
    given, family = _texts(arguments, 2, '{{internet.userName("Ada", "King")}}')
    return lambda: _user(context, given, family).replace(" ", "").replace("'", "")


def _email(context: Context, arguments: list[Any]) -> Make:
    given, family, provider = _texts(arguments, 3, '{{internet.email("Ada", "King", "mail.example")}}')

    def make() -> str:
        user = re.sub(r"[^\w.\-]+", "", _user(context, given, family).replace(" ", "-"))
        return f"{user}@{provider or context.pick(words.MAIL_DOMAINS)}"

    return make


def _ip(context: Context, arguments: list[Any]) -> Make:
    none(arguments)
    bits = context.random.getrandbits

    def make() -> str:
        value = bits(32)
        return f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"

    return make


def _ipv6(context: Context) -> str:
    text = f"{context.random.getrandbits(128):032x}"
    return ":".join([text[at : at + 4] for at in range(0, 32, 4)])


def _mac(context: Context, arguments: list[Any]) -> Make:
    (given,) = _texts(arguments, 1, '"-"')
    between = given if given in ("-", "") else ":"

    def make() -> str:
        text = f"{context.random.getrandbits(48):012x}"
        return between.join([text[at : at + 2] for at in range(0, 12, 2)])

    return make


def _password(context: Context, arguments: list[Any]) -> Make:
    (given,) = at_most(arguments, 1, fix="how long: {{internet.password(12)}}")
    length, choices = count_of(given, 15), context.random.choices
    return lambda: "".join(choices(_TYPED, k=length))


def _phone(context: Context, arguments: list[Any]) -> Make:
    (given,) = _texts(arguments, 1, '{{phone.phoneNumber("+49 30 ######")}}')
    return lambda: digits(context, given or context.pick(_PHONES))


def _phone_format(context: Context, arguments: list[Any]) -> Make:
    (given,) = at_most(arguments, 1, fix=f"from 0 to {len(_PHONES) - 1}")
    chosen = _PHONES[count_of(given, 0, len(_PHONES) - 1)]
    return lambda: digits(context, chosen)


NAME: dict[str, Maker] = {
    "firstName": one_of(words.FIRST_NAMES),
    "lastName": one_of(words.LAST_NAMES),
    "findName": plain(_full),
    "jobTitle": plain(_job),
    "title": plain(_job),
    "prefix": one_of(words.NAME_PREFIXES),
    "suffix": one_of(words.NAME_SUFFIXES),
    "jobDescriptor": one_of(words.JOB_DESCRIPTORS),
    "jobArea": one_of(words.JOB_AREAS),
    "jobType": one_of(words.JOB_TYPES),
}

PHONE: dict[str, Maker] = {
    "phoneNumber": _phone,
    "phoneNumberFormat": _phone_format,
    "phoneFormats": one_of(_PHONES),
}

INTERNET: dict[str, Maker] = {
    "ip": _ip,
    "ipv6": plain(_ipv6),
    "mac": _mac,
    "userName": _user_name,
    "email": _email,
    "exampleEmail": _email,
    "protocol": one_of(["http", "https"]),
    "httpMethod": one_of(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    "url": plain(lambda context: f"{context.pick(['http', 'https'])}://{_domain(context)}"),
    "domainName": plain(_domain),
    "domainWord": plain(lambda context: first(context).lower()),
    "domainSuffix": one_of(words.DOMAIN_SUFFIXES),
    "userAgent": one_of(words.USER_AGENTS),
    "avatar": plain(lambda context: f"https://avatars.example/{first(context).lower()}/128.jpg"),
    "color": plain(lambda context: f"#{context.random.getrandbits(24):06x}"),
    "password": _password,
    "port": plain(lambda context: context.below(65_536)),
}
