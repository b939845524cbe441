"""Every value of a spec with its field and its part: how generic checks look at what they do not know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from forebay.project.check import Part
from forebay.project.fields import SpecField, fields_of
from forebay.project.model import Location, Project, Ref, Spec


@dataclass(frozen=True, slots=True)
class Value:
    """A value that is no spec itself; an item of a list or mapping stands alone."""

    part: Part
    field: SpecField
    value: Any

    @property
    def target(self) -> Ref | None:
        """The resource it names, if it names one: a place in the lake names its bucket."""
        if isinstance(self.value, Ref):
            return self.value
        if isinstance(self.value, Location):
            return Ref("lake", self.value.bucket)
        if self.field.meta.refs and isinstance(self.value, str):
            return Ref(self.field.meta.refs[0], self.value)
        return None


def walk(spec: Spec, part: Part) -> Iterator[Value]:
    """The values in `spec`, the unset ones (None) left out."""
    for field in fields_of(type(spec)):
        yield from _values(getattr(spec, field.name), field, (*part, field.key))


def _values(value: Any, field: SpecField, part: Part) -> Iterator[Value]:
    match value:
        case None:
            return
        case Spec():
            yield from walk(value, part)
        case list():
            for index, item in enumerate(value):
                yield from _values(item, field, (*part, index))
        case dict():
            for key, item in value.items():
                yield from _values(item, field, (*part, key))
        case _:
            yield Value(part, field, value)


def walk_project(project: Project) -> Iterator[Value]:
    """The values of all entries; a part begins with noun and name, or the noun of a single section."""
    for noun, entries in project.sections.items():
        for name, entry in entries.items():
            yield from walk(entry, (noun,) if name == noun else (noun, name))
