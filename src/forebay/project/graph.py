"""Who feeds whom: nodes are resources, an edge goes the way events go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from forebay.project.model import Project, Ref
from forebay.project.section import Section
from forebay.project.walk import walk_project


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """Events go from `source` to `target`.

    `by` is the key that says so, `path` the prefix in a bucket. `pulled`: the target reads, at a position
    of its own; otherwise the source hands over. `reader` is the name by which it reads, where it reads by several.
    """

    source: Ref
    target: Ref
    by: str
    pulled: bool
    path: str = ""
    reader: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """All resources of a project, in the order of its sections, and all edges."""

    nodes: tuple[Ref, ...]
    edges: tuple[Edge, ...]

    def into(self, ref: Ref) -> list[Edge]:
        """What feeds `ref`."""
        return [edge for edge in self.edges if edge.target == ref]


def graph_of(project: Project) -> Graph:
    """The graph of `project`."""
    nodes = tuple(Ref(noun, name) for noun, entries in project.sections.items() for name in entries)
    return Graph(nodes, edges_of(project))


def edges_of(project: Project) -> tuple[Edge, ...]:
    """The edges, each once."""
    found: dict[Edge, None] = {}
    for value in walk_project(project):
        feeds, other = value.field.meta.feeds, value.target
        if feeds is None or other is None or len(value.part) < 2:
            continue
        own = Ref(str(value.part[0]), str(value.part[1]))
        source, target = (other, own) if feeds == "from" else (own, other)
        by = "rule" if feeds == "rule" else value.field.key
        # Entries of a mapping within an entry read for themselves: the sinks of stream SQL.
        among = value.part[3] if feeds == "from" and len(value.part) > 4 else None
        own_name = f"{own}/{among}" if isinstance(among, str) else ""
        found[Edge(source, target, by, feeds != "to", getattr(value.value, "prefix", ""), own_name)] = None
    return tuple(found)


def reader(edge: Edge) -> str:
    """The name of who reads by a pulled edge: a delivery as itself, what a rule feeds as one of the two, a sink of SQL."""
    if edge.reader:
        return edge.reader
    if edge.source.noun == "topics" or (edge.by == "rule" and edge.target.noun != "delivery"):
        return f"{edge.source}/{edge.target}"
    return str(edge.target)


def subscriptions(project: Project, sections: Sequence[Section]) -> dict[str, tuple[str, ...]]:
    """Per log (`streams.activity`, `delivery.clicks`) who reads it; never empty.

    A log that nothing reads is its own subscription: its events end by expiring.
    """
    edges = edges_of(project)
    found: dict[str, tuple[str, ...]] = {}
    for section in sections:
        for name, entry in project.sections.get(section.noun, {}).items():
            if section.log(entry):
                log = Ref(section.noun, name)
                own = [str(log)] if section.reads else []
                others = [reader(e) for e in edges if e.source == log and e.pulled]
                readers = dict.fromkeys([*own, *others, *section.readers(name, entry)])
                found[str(log)] = tuple(readers) or (str(log),)
    return found


def loops(edges: Iterable[Edge]) -> list[list[Ref]]:
    """Rings among the edges, each once, beginning with its least member.

    Rings through the lake are left out: who reads a bucket mostly reads another prefix than is written.
    """
    after: dict[Ref, list[Ref]] = {}
    for edge in edges:
        if "lake" not in (edge.source.noun, edge.target.noun):
            after.setdefault(edge.source, []).append(edge.target)
    rings: dict[tuple[Ref, ...], list[Ref]] = {}
    done: set[Ref] = set()
    for start in sorted(after):
        trail: list[Ref] = []
        on_trail: dict[Ref, int] = {}
        stack: list[tuple[Ref, int]] = [(start, 0)]
        while stack:
            node, index = stack.pop()
            if index == 0:
                if node in on_trail:
                    ring = trail[on_trail[node] :]
                    turn = ring.index(min(ring))
                    rings.setdefault(tuple(sorted(ring)), ring[turn:] + ring[:turn])
                    continue
                if node in done:
                    continue
                on_trail[node] = len(trail)
                trail.append(node)
            following = after.get(node, [])
            if index < len(following):
                stack += [(node, index + 1), (following[index], 0)]
            else:
                trail.pop()
                del on_trail[node]
                done.add(node)
    return list(rings.values())
