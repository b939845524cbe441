"""The fields of templates, `group.field`, as faker.js names them and the Kinesis Data Generator adds to them.

Names and words are of a small list of our own (`words.py`). Addresses of mail and pages are under `example`,
so that nobody's are hit. Not here, because a template cannot use them: what gives objects (`helpers.userCard`).
"""

from __future__ import annotations

from forebay.simulate.fields import date, numbers, people, places, text, trade
from forebay.simulate.fields.base import BadArguments, Context, Make, Maker

GROUPS: dict[str, dict[str, Maker]] = {
    "random": numbers.FIELDS,
    "date": date.FIELDS,
    "name": people.NAME,
    "internet": people.INTERNET,
    "phone": people.PHONE,
    "address": places.FIELDS,
    "commerce": trade.COMMERCE,
    "company": trade.COMPANY,
    "finance": trade.FINANCE,
    "lorem": text.LOREM,
    "hacker": text.HACKER,
    "helpers": text.HELPERS,
    "image": text.IMAGE,
    "system": text.SYSTEM,
    "current": {"timestamp": date.NOW},
}

NAMES: tuple[str, ...] = tuple(f"{group}.{name}" for group, fields in GROUPS.items() for name in fields)

__all__ = ["GROUPS", "NAMES", "BadArguments", "Context", "Make", "Maker"]
