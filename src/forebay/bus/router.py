"""One bus at work: which of its events go where, found once however many ask.

Everybody who reads the bus's log for a target has a sieve of the same router. The first to ask about a run
of events matches all rules at once (`rules.RuleSet`); the others find the answer. So a thousand rules cost
what a compiled set of them costs, not a thousand times one.
"""

from __future__ import annotations

import itertools
import json
import logging
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from forebay.arn import arn
from forebay.bus.envelope import replay_of
from forebay.bus.inputs import Make, constant, parse_path, part, text_at, transformer, whole
from forebay.bus.operators import InvalidPattern
from forebay.bus.pattern import Conjunction, Pattern, compile_pattern
from forebay.bus.rules import RuleSet
from forebay.bus.section import BusSpec, RuleSpec, TargetSpec
from forebay.errors import UsageError
from forebay.ports import Origin, Sifted
from forebay.project.model import Ref

log = logging.getLogger(__name__)

MOST_REMEMBERED = 200_000
ARCHIVE = "archive:"
"""Before an archive's name: its pattern is matched with the rules', and leads nowhere."""
_SPECIAL = (b'"replay-name":', b'"Scheduled Event"')
ALL = compile_pattern({"version": [{"exists": True}]})


@dataclass(frozen=True, slots=True)
class Route:
    """One target of one rule, compiled. `key` reads the partition key out of an event; None if it has none."""

    rule: str
    target: TargetSpec
    make: Make
    key: Callable[[bytes], str | None] | None


@dataclass(frozen=True, slots=True)
class Run:
    """What matched in the events from `start` to `end`: by rule, the offsets. `met` has a 1 for each that met a rule."""

    start: int
    end: int
    found: Mapping[str, Sequence[int]]
    met: bytes


def rule_arn(bus: str, rule: str) -> str:
    """A rule's ARN, without the bus where it is the default one."""
    return arn("events", f"rule/{rule}" if bus == "default" else f"rule/{bus}/{rule}")


def compile_rule(bus: str, name: str, spec: RuleSpec) -> tuple[Pattern, list[Route]]:
    """A rule's pattern and targets. Raises InvalidPattern, UsageError `InvalidPath`."""
    alternatives: list[Conjunction] = []
    if spec.when is not None:
        alternatives += compile_pattern(spec.when).alternatives
    if spec.schedule is not None:
        own = {"source": ["aws.events"], "resources": [rule_arn(bus, name)]}
        alternatives += compile_pattern(own).alternatives
    pattern = Pattern(tuple(alternatives))
    return pattern, [_route(bus, name, target) for target in spec.to]


def _route(bus: str, rule: str, target: TargetSpec) -> Route:
    make: Make = whole
    if target.constant is not None:
        make = constant(target.constant.encode())
    elif target.template is not None:
        template = target.template if isinstance(target.template, str) else json.dumps(target.template)
        paths = {name: parse_path(path) for name, path in target.paths.items()}
        make = transformer(template, paths, rule, rule_arn(bus, rule))
    elif target.input is not None:
        make = part(parse_path(target.input))
    return Route(rule, target, make, None if target.key is None else text_at(parse_path(target.key)))


class Router:
    """The rules of one bus, compiled. `replace` changes them; what was asked before stays answered.

    `before` is called before events are matched: it may replace them.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.refused: dict[str, str] = {}
        self.before: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._rules = RuleSet({})
        self._routes: dict[Ref, list[Route]] = {}
        self._scheduled: frozenset[str] = frozenset()
        self._real: frozenset[str] = frozenset()
        self._allowed: Mapping[str, frozenset[str]] = {}
        self._runs: deque[Run] = deque()
        self._remembered = 0

    def replace(
        self,
        spec: BusSpec,
        archives: Mapping[str, Pattern | None],
        allowed: Mapping[str, frozenset[str]],
    ) -> None:
        """Go by these rules from now on. A rule that is wrong is left out.

        `archives` are patterns by name (None: everything); `allowed` has, for a replay that is sent to some rules
        only, their names.
        """
        patterns: dict[str, Pattern] = {}
        routes: dict[Ref, list[Route]] = {}
        refused: dict[str, str] = {}
        for name, rule in spec.rules.items():
            if not rule.enabled:
                continue
            try:
                patterns[name], found = compile_rule(self.name, name, rule)
            except (InvalidPattern, UsageError) as error:
                refused[name] = error.message
                continue
            for route in found:
                routes.setdefault(route.target.to, []).append(route)
        for rule_name, why in refused.items():
            if self.refused.get(rule_name) != why:
                log.error("rule %s of bus %s matches nothing: %s", rule_name, self.name, why)
        real = frozenset(patterns)
        for name, pattern in archives.items():
            patterns[ARCHIVE + name] = pattern or ALL
        rules = RuleSet(patterns)
        scheduled = frozenset(name for name in real if spec.rules[name].schedule is not None)
        with self._lock:
            self._rules, self._routes, self._real, self._scheduled = rules, routes, real, scheduled
            self._allowed, self.refused = dict(allowed), refused
            self._runs.clear()
            self._remembered = 0

    def routes(self, target: Ref) -> list[Route]:
        """The rules' targets that are `target`."""
        with self._lock:
            return self._routes.get(target, [])

    def runs(self, records: Sequence[bytes], first: int) -> list[Run]:
        """What matches in consecutive `records`, the first of which has the offset `first`; runs may overlap the ends."""
        end = first + len(records)
        found = []
        if self.before is not None:
            self.before()
        with self._lock:
            at = first
            while at < end:
                run = next((run for run in self._runs if run.start <= at < run.end), None)
                if run is None:
                    after = [run.start for run in self._runs if run.start > at]
                    run = self._match(records, first, at, min([end, *after]))
                found.append(run)
                at = run.end
        return found

    def _match(self, records: Sequence[bytes], first: int, start: int, end: int) -> Run:
        some = records[start - first : end - first]
        matched = self._rules.match(some)
        together = b"".join(some)
        if any(mark in together for mark in _SPECIAL):
            special = [i for i, record in enumerate(some) if any(mark in record[:300] for mark in _SPECIAL)]
            matched = self._confine(some, special, matched)
        marks = bytearray(len(some))
        for name, indexes in matched.items():
            if name in self._real:
                for index in indexes:
                    marks[index] = 1
        run = Run(
            start,
            end,
            {name: [start + index for index in indexes] for name, indexes in matched.items()},
            bytes(marks),
        )
        self._runs.append(run)
        self._remembered += end - start
        while self._remembered > MOST_REMEMBERED and len(self._runs) > 1:
            gone = self._runs.popleft()
            self._remembered -= gone.end - gone.start
        return run

    def _confine(
        self, some: Sequence[bytes], special: Sequence[int], matched: Mapping[str, Sequence[int]]
    ) -> dict[str, list[int]]:
        """A replayed event goes to the rules it was replayed to and into no archive, a schedule's to its own rule."""
        allowed: dict[int, Callable[[str], bool]] = {}
        for index in special:
            replay = replay_of(some[index])
            if replay is not None:
                rules = self._allowed.get(replay)
                if rules is None:
                    allowed[index] = self._real.__contains__
                else:
                    allowed[index] = rules.__contains__
            elif b'"source":"aws.events"' in some[index][:300]:
                allowed[index] = self._scheduled.__contains__
        everything: Callable[[str], bool] = lambda _: True  # noqa: E731
        kept = {
            name: [index for index in indexes if allowed.get(index, everything)(name)]
            for name, indexes in matched.items()
        }
        return {name: indexes for name, indexes in kept.items() if indexes}

    def sieve(self, target: Ref) -> TargetSieve:
        """What of the events goes to `target`."""
        return TargetSieve(self, target)


class TargetSieve:
    """The events of a bus that go to one target (`ports.Sieve`), as its rules say and as they change."""

    def __init__(self, router: Router, target: Ref) -> None:
        self._router = router
        self._target = target

    def sift(self, records: Sequence[bytes], origins: Sequence[Origin]) -> Sifted:
        """See `ports.Sieve`."""
        indexes, routes = self._pick(records, origins)
        return Sifted(_made(records, origins, indexes, routes), indexes)

    def match(self, records: Sequence[bytes], origins: Sequence[Origin]) -> list[tuple[int, bytes, Route]]:
        """(index of the event, what the target gets, by which rule and target), by index."""
        indexes, routes = self._pick(records, origins)
        return list(zip(indexes, _made(records, origins, indexes, routes), routes, strict=True))

    def _pick(self, records: Sequence[bytes], origins: Sequence[Origin]) -> tuple[list[int], list[Route]]:
        """The indexes of the events for the target, ascending, and the route of each."""
        if not records:
            return [], []
        first = origins[0].offset
        end = first + len(records)
        runs = self._router.runs(records, first)
        routes = self._router.routes(self._target)
        found: list[tuple[int, int]] = []
        for run in runs:
            for rank, route in enumerate(routes):
                offsets = run.found.get(route.rule)
                if offsets:
                    low = bisect_left(offsets, first) if run.start < first else 0
                    high = bisect_left(offsets, end) if run.end > end else len(offsets)
                    found += zip(offsets[low:high], itertools.repeat(rank), strict=False)
        found.sort()
        return [at - first for at, _ in found], [routes[rank] for _, rank in found]


def _made(
    records: Sequence[bytes], origins: Sequence[Origin], indexes: Sequence[int], routes: Sequence[Route]
) -> list[bytes]:
    """What the target gets of each; events that are treated alike are treated together."""
    made = [records[index] for index in indexes]
    makes = {route.make for route in routes}
    if makes <= {whole}:
        return made
    if len(makes) == 1:
        return makes.pop()(made, _arrivals(origins, indexes))
    ranks: dict[Make, list[int]] = {}
    for rank, route in enumerate(routes):
        ranks.setdefault(route.make, []).append(rank)
    for make, some in ranks.items():
        texts = make([made[rank] for rank in some], _arrivals(origins, [indexes[rank] for rank in some]))
        for rank, text in zip(some, texts, strict=True):
            made[rank] = text
    return made


def _arrivals(origins: Sequence[Origin], indexes: Sequence[int]) -> Callable[[], list[int]]:
    return lambda: [origins[index].arrival for index in indexes]
