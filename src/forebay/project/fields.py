"""The fields of a spec, taken apart: what parsing, JSON Schema and the reference page all read."""

from __future__ import annotations

import functools
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from forebay.project.field import Field
from forebay.project.model import Spec


@dataclass(frozen=True, slots=True)
class SpecField:
    """One field. `type` is without `Annotated` and without `| None`, which `nullable` tells."""

    name: str
    key: str
    type: Any
    meta: Field
    nullable: bool
    required: bool
    default: Any

    @property
    def item(self) -> Any:
        """What a list or mapping holds; else the type itself."""
        origin = get_origin(self.type)
        if origin is list:
            return get_args(self.type)[0]
        return get_args(self.type)[1] if origin is dict else self.type


def _strip(hint: Any) -> tuple[Any, Field | None, bool]:
    meta = None
    if get_origin(hint) is Annotated:
        hint, *extras = get_args(hint)
        meta = next((extra for extra in extras if isinstance(extra, Field)), None)
    nullable = False
    if get_origin(hint) in (Union, types.UnionType):
        rest = [arg for arg in get_args(hint) if arg is not type(None)]
        nullable = len(rest) < len(get_args(hint))
        (hint,) = rest  # a field has one type; a second shape is written with `scalar` or `keyed`
    return hint, meta, nullable


@functools.cache
def fields_of(spec: type[Spec]) -> tuple[SpecField, ...]:
    """The fields of `spec`, in order; TypeError if one has no `Field`."""
    hints = typing.get_type_hints(spec, include_extras=True)
    found = []
    for info in msgspec.structs.fields(spec):
        hint, meta, nullable = _strip(hints[info.name])
        if meta is None:
            raise TypeError(f"{spec.__name__}.{info.name} has no Field")
        default = info.default
        if default is msgspec.NODEFAULT and info.default_factory is not msgspec.NODEFAULT:
            default = info.default_factory()
        found.append(
            SpecField(
                name=info.name,
                key=meta.yaml or info.name,
                type=hint,
                meta=meta,
                nullable=nullable,
                required=info.required,
                default=None if info.required else default,
            )
        )
    return tuple(found)


def is_spec(kind: Any) -> typing.TypeGuard[type[Spec]]:
    """Whether a field's type is a spec of its own."""
    return isinstance(kind, type) and issubclass(kind, Spec)


def choices(kind: Any) -> tuple[str, ...]:
    """The words of a `Literal`; empty for any other type."""
    return get_args(kind) if get_origin(kind) is Literal else ()
