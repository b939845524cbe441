"""A section of the project file: what a noun tells `project/` about itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from forebay.project.model import Project, Spec

if TYPE_CHECKING:
    from forebay.project.check import Check

NAME = r"[A-Za-z][A-Za-z0-9_-]{0,127}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One key of `forebay.yaml`. Each noun exports one, `SECTION`, in its `section.py`.

    `spec` is the type of each entry; an entry that has a key of `variants` is of that type instead.
    `single`: the section is one spec, not a mapping of names to specs. `pattern` is what an entry's
    name must match, `name_doc` says so in words. `discover` (a glob) adds a file of the project as an
    entry under its stem, as if its name had been written.

    `later` is why `forebay run` refuses a project that uses the section. `holds` says whether
    an entry holds data; what does is parked, never removed. `retypes(old, new)` gives the reasons why
    a change would rewrite or lose what an entry holds. `log` says whether an entry has a log of its own,
    `layout.log("<noun>.<name>")`, and `reads` that it reads that itself, whoever else does. `resolve` completes an entry from the rest of
    the project, after parsing; `check` adds findings that types cannot express. `parts` adds to entries what
    was made over the wire apart from them, by id: documents of the kind `<noun>.part`. `readers(name, entry)` are
    who reads an entry's log beside those that the graph knows.
    """

    noun: str
    title: str
    doc: str
    example: str
    spec: type[Spec]
    variants: Mapping[str, type[Spec]] = field(default_factory=dict)
    single: bool = False
    pattern: str = NAME
    name_doc: str = "letters, digits, - and _, beginning with a letter"
    discover: str | None = None
    later: str | None = None
    holds: Callable[[Any], bool] = lambda _: False
    retypes: Callable[[Any, Any], list[str]] = lambda _old, _new: []
    log: Callable[[Any], bool] = lambda _: False
    reads: bool = False
    resolve: Callable[[Any, Project], Spec] | None = None
    check: Callable[[Check], None] | None = None
    parts: Callable[[Mapping[str, Spec], Iterable[tuple[str, Any]]], dict[str, Spec]] | None = None
    readers: Callable[[str, Any], Iterable[str]] = lambda _name, _entry: ()

    def extended(self, entries: dict[str, Spec], parts: Iterable[tuple[str, Any]]) -> dict[str, Spec]:
        """The entries with what was made over the wire apart from them."""
        return entries if self.parts is None else self.parts(entries, parts)

    def spec_of(self, keys: Mapping[str, Any]) -> type[Spec]:
        """The type of an entry with these keys."""
        return next((spec for key, spec in self.variants.items() if key in keys), self.spec)

    def decode(self, value: Mapping[str, Any]) -> Spec:
        """An entry of an encoded project. Raises msgspec.ValidationError."""
        return msgspec.convert(value, self.spec_of(value))
