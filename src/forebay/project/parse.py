"""Nodes → specs, driven by the specs' own fields; every finding is collected, none stops the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_origin

from forebay.project.check import Part
from forebay.project.fields import SpecField, choices, fields_of, is_spec
from forebay.project.finding import Finding
from forebay.project.kinds import number, readers, secret_names
from forebay.project.model import Location, Ref, Spec
from forebay.project.near import nearest
from forebay.project.read import Items, Map, Node, Scalar, plain
from forebay.project.section import Section
from forebay.project.settings import NAME, Settings
from forebay.project.unfit import Unfit
from forebay.project.written import shown

_BAD: Any = object()
_WORDS = {Scalar: "a value", Items: "a list", Map: "a mapping"}


class Parser:
    """Holds what parsing gathers: `findings`, the `places` of all parts, and `known` names by noun.

    An entry with a finding is left out of the result but stays in `known`, so that a reference to it is
    not a second finding.
    """

    def __init__(self, file: str, sections: Sequence[Section]) -> None:
        self.file = file
        self.sections = {section.noun: section for section in sections}
        self.findings: list[Finding] = []
        self.places: dict[Part, tuple[int, int]] = {}
        self.known: dict[str, set[str]] = {noun: set() for noun in self.sections}

    def add(self, code: str, node: Node, message: str, **more: str | None) -> None:
        """A finding at `node`."""
        self.findings.append(
            Finding(
                code=code,
                file=self.file,
                line=node.line,
                column=node.column,
                message=message,
                why=more.get("why"),
                fix=more.get("fix"),
            )
        )

    def project(self, root: Node | None) -> tuple[Settings | None, dict[str, dict[str, Spec]]]:
        """Settings (None if they have a finding) and the entries of each section."""
        entries: dict[str, dict[str, Spec]] = {noun: {} for noun in self.sections}
        if root is None or (isinstance(root, Scalar) and root.null):
            self.findings.append(
                Finding(
                    code="Empty", file=self.file, message=f"{self.file} says nothing", fix="name: my_project"
                )
            )
            return None, entries
        if not isinstance(root, Map):
            self.add(
                "WrongType",
                root,
                f"the project is a mapping, not {_WORDS[type(root)]}",
                fix="name: my_project",
            )
            return None, entries
        self.places[()] = (root.line, root.column)
        for noun, names in self.known.items():
            written = root.pairs.get(noun)
            if written is not None and isinstance(written[1], Map):
                names.update((noun,) if self.sections[noun].single else written[1].pairs)
        own = {field.key for field in fields_of(Settings)}
        for key, (at, value) in root.pairs.items():
            if key in self.sections:
                self.places[(key,)] = (at.line, at.column)
                entries[key] = self._section(self.sections[key], value)
            elif key not in own:
                self._unknown(at, [*own, *self.sections], "the project file")
        mine = Map(root.line, root.column, {k: v for k, v in root.pairs.items() if k in own}, root.size)
        settings = self.spec(mine, Settings, ())
        assert settings is None or isinstance(settings, Settings)
        if settings is not None and not re.fullmatch(NAME, settings.name):
            self.add(
                "BadName",
                root.pairs["name"][1],
                f"{settings.name!r} is no name for a project",
                why="it is also its database's: lower-case letters, digits and _, beginning with a letter",
                fix=re.sub(r"[^a-z0-9_]+", "_", settings.name.lower()).strip("_0123456789") or "my_project",
            )
            settings = None
        return settings, entries

    def _section(self, section: Section, node: Node) -> dict[str, Spec]:
        if isinstance(node, Scalar) and node.null:
            return {}
        if section.single:
            found = self.spec(node, section.spec, (section.noun,))
            return {} if found is None else {section.noun: found}
        if not isinstance(node, Map):
            self.add(
                "WrongType",
                node,
                f"`{section.noun}` is a mapping from names, not {_WORDS[type(node)]}",
                fix=section.example.partition("\n")[0],
            )
            return {}
        entries = {}
        for name, (at, value) in node.pairs.items():
            path = (section.noun, name)
            self.places[path] = (at.line, at.column)
            if not re.fullmatch(section.pattern, name):
                self.add("BadName", at, f"{name!r} is no name here", why=section.name_doc)
            spec = self._variant(section, value)
            found = self.spec(value, spec, path)
            if found is not None:
                entries[name] = found
        return entries

    def _variant(self, section: Section, node: Node) -> type[Spec]:
        return section.spec_of(node.pairs) if isinstance(node, Map) else section.spec

    def _unknown(self, at: Scalar, known: Sequence[str], where: str) -> None:
        near = nearest(at.text, known)
        self.add(
            "UnknownKey",
            at,
            f"`{at.text}` is no key of {where}",
            fix=f"did you mean `{near}`?" if near else f"known: {', '.join(sorted(known))}",
        )

    def spec(self, node: Node, spec: type[Spec], path: Part) -> Spec | None:
        """The spec that `node` describes; None if it has a finding that cannot be passed over."""
        if path:
            self.places.setdefault(path, (node.line, node.column))
        if isinstance(node, Scalar) and node.null:
            node = Map(node.line, node.column, {}, 1)
        if isinstance(node, Scalar):
            try:
                short = spec.scalar(node.text)
            except ValueError:
                self.add(
                    "WrongType", node, f"{_shown(node)} stands where a mapping is wanted", fix=_keys(spec)
                )
                return None
            pairs: dict[str, tuple[Scalar, Node]] = {
                key: (node, Scalar(node.line, node.column, text, False)) for key, text in short.items()
            }
            node = Map(node.line, node.column, pairs, 1)
        if isinstance(node, Items):
            self.add("WrongType", node, "a list stands where a mapping is wanted", fix=_keys(spec))
            return None
        if spec.keyed is not None:
            node = self._keyed(node, spec)
        return self._fill(node, spec, path)

    @staticmethod
    def _keyed(node: Map, spec: type[Spec]) -> Map:
        """`{streams.a: {input: x}}` → `{to: streams.a, input: x}`."""
        if len(node.pairs) != 1:
            return node
        ((at, value),) = node.pairs.values()
        if at.text in {field.key for field in fields_of(spec)}:
            return node
        rest = value.pairs if isinstance(value, Map) else {}
        assert spec.keyed is not None
        return Map(node.line, node.column, {spec.keyed: (at, at), **rest}, node.size)

    def _fill(self, node: Map, spec: type[Spec], path: Part) -> Spec | None:
        by_key = {field.key: field for field in fields_of(spec)}
        values: dict[str, Any] = {}
        whole = True
        for key, (written, value) in node.pairs.items():
            field = by_key.get(key)
            if field is None:
                self._unknown(written, list(by_key), f"`{path[-1]}`" if path else "the project file")
                continue
            self.places[(*path, key)] = (value.line, value.column)
            if isinstance(value, Scalar) and value.null and (field.nullable or not field.required):
                continue
            found = self._field(value, field, (*path, key))
            if found is _BAD:
                whole = whole and not field.required
            else:
                values[field.name] = found
        chosen = [key for key in spec.one_of if key in node.pairs]
        if spec.one_of and len(chosen) != 1:
            at: Node = node.pairs[chosen[1]][0] if chosen else node
            has = f"has both `{chosen[0]}` and `{chosen[1]}`" if chosen else "says not enough"
            wanted = ", ".join(f"`{key}`" for key in spec.one_of)
            self.add("OneOf", at, f"`{path[-1]}` {has}", fix=f"exactly one of {wanted}")
            whole = whole and bool(chosen)
        for field in by_key.values():
            if field.required and field.key not in node.pairs:
                self.add(
                    "MissingKey",
                    node if path else Scalar(node.line, node.column, "", True),
                    f"`{path[-1] if path else 'the project'}` has no `{field.key}`",
                    why=field.meta.doc,
                    fix=f"{field.key}: {field.meta.example or (choices(field.type) or ('…',))[0]}",
                )
                whole = False
        return spec(**values) if whole else None

    def _field(self, node: Node, field: SpecField, path: Part) -> Any:
        origin = get_origin(field.type)
        if origin is list:
            return self._list(node, field, path)
        if origin is dict:
            return self._dict(node, field, path)
        return self._value(node, field.type, field, path)

    def _list(self, node: Node, field: SpecField, path: Part) -> Any:
        if not isinstance(node, Items):
            if not field.meta.one:
                self.add(
                    "WrongType",
                    node,
                    f"`{field.key}` is a list",
                    fix=f"{field.key}: {field.meta.example or '[…]'}",
                )
                return _BAD
            node = Items(node.line, node.column, [node], node.size)
        found = []
        for index, item in enumerate(node.nodes):
            self.places[(*path, index)] = (item.line, item.column)
            found.append(self._value(item, field.item, field, (*path, index)))
        return _BAD if any(item is _BAD for item in found) else found

    def _dict(self, node: Node, field: SpecField, path: Part) -> Any:
        if not isinstance(node, Map):
            self.add(
                "WrongType",
                node,
                f"`{field.key}` is a mapping",
                fix=f"{field.key}: {field.meta.example or '{…}'}",
            )
            return _BAD
        found = {}
        for key, (_, value) in node.pairs.items():
            self.places[(*path, key)] = (value.line, value.column)
            found[key] = self._value(value, field.item, field, (*path, key))
        return _BAD if any(item is _BAD for item in found.values()) else found

    def _value(self, node: Node, kind: Any, field: SpecField, path: Part) -> Any:
        """One value of type `kind`: a spec, free-form, a list (inside a mapping), or a scalar."""
        if is_spec(kind):
            found = self.spec(node, kind, path)
            return _BAD if found is None else found
        if kind is Any:
            return plain(node)
        if get_origin(kind) is list:
            return self._list(node, _inner(field, kind), path)
        if not isinstance(node, Scalar):
            self.add(
                "WrongType",
                node,
                f"{_WORDS[type(node)]} stands where {_named(kind)} is wanted",
                fix=_fix(field),
            )
            return _BAD
        try:
            return self._scalar(node, kind, field)
        except Unfit as unfit:
            self.add("BadValue", node, str(unfit), why=unfit.why, fix=unfit.fix or _fix(field))
            return _BAD

    def _scalar(self, node: Scalar, kind: Any, field: SpecField) -> Any:
        text = node.text
        if node.null:
            raise Unfit(f"`{field.key}` is empty")
        if words := choices(kind):
            if text not in words:
                near = nearest(text, words)
                raise Unfit(
                    f"{_shown(node)} is not one of {', '.join(words)}",
                    fix=f"did you mean {near}?" if near else None,
                )
            return text
        if kind is bool:
            if not node.plain or not isinstance(node.value(), bool):
                raise Unfit(f"{_shown(node)} is neither true nor false", fix=f"{field.key}: true")
            return node.value()
        if kind is Ref:
            return self._ref(text, field)
        if kind is Location:
            try:
                return Location.parse(text)
            except ValueError as error:
                raise Unfit(str(error), fix="lake.<bucket>/<prefix>/, as lake.shop/clicks/") from None
        if secret_names(text) and not field.meta.secrets:
            raise Unfit(f"`{field.key}` cannot be a secret", why="it is kept and shown as it stands")
        reader = readers().get(field.meta.kind)
        value: Any = reader(text) if reader else text if kind is str else number(text)
        if kind is int:
            if value != int(value):
                raise Unfit(f"{text} is no whole number")
            value = int(value)
        if kind in (int, float):
            _bounds(value, text, field)
        return value

    def _ref(self, text: str, field: SpecField) -> Ref:
        try:
            ref = Ref.parse(text)
        except ValueError:
            near = [f"{noun}.{text}" for noun in field.meta.refs if text in self.known.get(noun, ())]
            raise Unfit(
                f"{text!r} names no resource",
                fix=f"did you mean {near[0]}?" if near else "<noun>.<name>, as streams.activity",
            ) from None
        if ref.noun not in self.sections:
            near_noun = nearest(ref.noun, field.meta.refs)
            raise Unfit(
                f"`{ref.noun}` is no kind of resource",
                fix=f"did you mean {near_noun}.{ref.name}?"
                if near_noun
                else f"one of {', '.join(field.meta.refs)}",
            )
        return ref


def _inner(field: SpecField, kind: Any) -> SpecField:
    """`field` seen as the list that its mapping holds."""
    return SpecField(field.name, field.key, kind, field.meta, False, False, None)


def _bounds(value: float, text: str, field: SpecField) -> None:
    low, high = field.meta.minimum, field.meta.maximum
    if low is not None and value < low:
        raise Unfit(f"`{field.key}` is {text}, less than the {shown(low, field)} it must be at least")
    if high is not None and value > high:
        raise Unfit(f"`{field.key}` is {text}, more than the {shown(high, field)} it may be at most")


def _shown(node: Scalar) -> str:
    return repr(node.text if len(node.text) <= 60 else node.text[:57] + "…")


def _named(kind: Any) -> str:
    words = {
        str: "text",
        int: "a number",
        float: "a number",
        bool: "true or false",
        Ref: "a resource",
        Location: "a place in the lake",
    }
    return words.get(kind, "one word")


def _fix(field: SpecField) -> str | None:
    if field.meta.example is None:
        words = choices(field.item)
        return f"{field.key}: {words[0]}" if words else None
    return f"{field.key}: {field.meta.example}"


def _keys(spec: type[Spec]) -> str:
    return "keys: " + ", ".join(field.key for field in fields_of(spec))
