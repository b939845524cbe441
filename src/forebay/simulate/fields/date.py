"""`date.*`: now, and times around it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from forebay.simulate import moment
from forebay.simulate.fields.base import BadArguments, Context, Make, Maker, at_most, number_of, one_of

_FORMAT = '{{date.now("YYYY-MM-DD HH:mm:ss.SSS")}}'
_DAY = 86_400.0


def _stamped(read: Callable[[Context], Callable[[], float]], utc: bool, otherwise: str) -> Maker:
    """A clock in a format. Events of one millisecond share one text, as most of a batch do."""

    def maker(context: Context, arguments: list[Any]) -> Make:
        (given,) = at_most(arguments, 1, fix=_FORMAT)
        if given is not None and not isinstance(given, str):
            raise BadArguments(f"{given!r} is no format", fix=_FORMAT)
        write = moment.compiled(given or otherwise)
        clock, zone = read(context), dt.UTC if utc else context.zone
        last, text = -1, ""

        def make() -> str:
            nonlocal last, text
            now = int(clock() * 1000)
            if now != last:
                last = now
                text = write(dt.datetime.fromtimestamp(now / 1000, zone))
            return text

        return make

    return maker


def _around(direction: int, unit: float) -> Maker:
    """A time before or after now, by at least a second and at most so many units (1)."""

    def maker(context: Context, arguments: list[Any]) -> Make:
        most, near = at_most(arguments, 2, fix="{{date.past(2)}}")
        span = (number_of(most, 1, "{{date.past(2)}}") or 1) * unit
        if span < 1:
            raise BadArguments(f"{most} is not after 0", fix="{{date.past(2)}}")
        fixed = None if near is None else _read(near).timestamp()
        rand, zone = context.random.random, context.zone

        def make() -> str:
            at = (context.clock() if fixed is None else fixed) + direction * (1 + rand() * (span - 1))
            return moment.script(dt.datetime.fromtimestamp(at, zone))

        return make

    return maker


def _read(text: Any) -> dt.datetime:
    try:
        when = dt.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise BadArguments(f"{text!r} is no time", fix='"2024-03-05" or "2024-03-05T10:11:12Z"') from None
    return when if when.tzinfo else when.replace(tzinfo=dt.UTC)


def _between(context: Context, arguments: list[Any]) -> Make:
    fix = '{{date.between("2024-01-01", "2024-12-31")}}'
    if len(arguments) != 2:
        raise BadArguments(f"{len(arguments)} arguments, and it takes two times", fix=fix)
    first, last = (_read(text).timestamp() for text in arguments)
    rand, zone = context.random.random, context.zone
    return lambda: moment.script(dt.datetime.fromtimestamp(first + rand() * (last - first), zone))


def _named(names: tuple[str, ...]) -> Maker:
    """A month or a weekday; `{"abbr": true}` cuts it to three letters."""

    def maker(context: Context, arguments: list[Any]) -> Make:
        (given,) = at_most(arguments, 1, fix='{"abbr": true}')
        short = isinstance(given, dict) and bool(given.get("abbr"))
        return one_of([name[:3] for name in names] if short else names)(context, [])

    return maker


NOW: Maker = _stamped(lambda context: context.clock, utc=False, otherwise=moment.LOCAL)

FIELDS: dict[str, Maker] = {
    "now": NOW,
    "utc": _stamped(lambda context: context.clock, utc=True, otherwise=moment.UTC),
    "simTime": _stamped(lambda context: context.simulated, utc=False, otherwise=moment.LOCAL),
    "past": _around(-1, 365 * _DAY),
    "future": _around(1, 365 * _DAY),
    "recent": _around(-1, _DAY),
    "soon": _around(1, _DAY),
    "between": _between,
    "month": _named(moment.MONTHS),
    "weekday": _named(moment.WEEKDAYS),
}
