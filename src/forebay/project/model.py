"""What the user wrote, checked: a `Project` of specs, each of which is defined by its noun.

    Project   name, folder, timezone, and per section its specs by name
    Spec      the base of every entry of a section (frozen; `msgspec` encodes it)
    Ref       one resource naming another: `streams.activity`
    Location  a place in the lake: `lake.shop/activity/`

Durations are seconds (float), sizes bytes (int) and rates events a second (float) once parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec

from forebay.errors import ForebayError

FORMAT = 1
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a section, or a part of one.

    A subclass annotates each field with `Annotated[type, Field(...)]`; parsing, checking, JSON Schema
    and the reference page all read that. `scalar`, where a subclass has it, says what a bare YAML
    scalar in its place means, as the mapping that could have been written instead (ValueError if
    nothing), and `scalar_doc` says so. Of the keys in `one_of` exactly one is set. `keyed` names the field that the only key of a mapping of mappings stands for.
    """

    one_of: ClassVar[tuple[str, ...]] = ()
    keyed: ClassVar[str | None] = None
    scalar_doc: ClassVar[str | None] = None

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """The mapping that `text` abbreviates. Raises ValueError where there is no short form."""
        raise ValueError(f"{text!r} is not a mapping")


SpecT = TypeVar("SpecT", bound=Spec)


class Ref(msgspec.Struct, frozen=True, order=True):
    """A resource, by its noun and name."""

    noun: str
    name: str

    def __str__(self) -> str:
        return f"{self.noun}.{self.name}"

    @staticmethod
    def parse(text: str) -> Ref:
        """`streams.activity` → Ref. Raises ValueError."""
        noun, dot, name = text.partition(".")
        if not (dot and noun and name):
            raise ValueError(f"{text!r} names no resource")
        return Ref(noun, name)


class Location(msgspec.Struct, frozen=True, order=True):
    """A prefix in a bucket. `prefix` is empty or ends in `/`, and never begins with it."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"lake.{self.bucket}/{self.prefix}"

    @property
    def url(self) -> str:
        """`s3://bucket/prefix/`, as AWS writes it."""
        return f"s3://{self.bucket}/{self.prefix}"

    def covers(self, other: Location) -> bool:
        """Whether everything under `other` is under this."""
        return self.bucket == other.bucket and other.prefix.startswith(self.prefix)

    @staticmethod
    def parse(text: str) -> Location:
        """`lake.shop/activity/` or `s3://shop/activity/` → Location. Raises ValueError."""
        for scheme in ("lake.", "s3://"):
            if text.startswith(scheme):
                bucket, _, prefix = text[len(scheme) :].partition("/")
                break
        else:
            raise ValueError(f"{text!r} is no place in the lake")
        if not _BUCKET.fullmatch(bucket):
            raise ValueError(f"{bucket!r} is no bucket's name: 3 to 63 lower-case letters, digits, - and .")
        if prefix.startswith("/") or "//" in prefix:
            raise ValueError(f"{text!r} has an empty part")
        return Location(bucket, prefix if not prefix or prefix.endswith("/") else prefix + "/")


class Decoder(Protocol):
    """What `Project.decode` needs of a section."""

    @property
    def noun(self) -> str:
        """The section's key."""

    def decode(self, value: Mapping[str, Any]) -> Spec:
        """An entry, from what `encode` made of it."""

    def extended(self, entries: dict[str, Spec], parts: Iterable[tuple[str, Any]]) -> dict[str, Spec]:
        """The entries with what was made over the wire apart from them."""


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A project that `load` found nothing wrong with.

    `root` is its folder (absolute). `sections` has a key for every section, empty or not; the entry
    of a section that is a single spec (`access`, `telemetry`) is under the section's own name.
    `where` has line and column of the parts of `forebay.yaml`, by dotted path, for messages; it is not
    encoded. `revision` is empty until the project is applied: it then tells one application from another
    with other content.
    """

    name: str
    root: str
    description: str | None = None
    timezone: str = "UTC"
    day_starts: str = "00:00"
    sections: dict[str, dict[str, Spec]] = {}
    where: dict[str, tuple[int, int]] = {}
    revision: str = ""

    @property
    def database(self) -> str:
        """The default database."""
        return self.name

    def of(self, spec: type[SpecT]) -> dict[str, SpecT]:
        """The entries that are of this type, by name."""
        return {
            name: entry
            for entries in self.sections.values()
            for name, entry in entries.items()
            if isinstance(entry, spec)
        }

    def one(self, spec: type[SpecT]) -> SpecT:
        """The entry of a section that is a single spec; all defaults if the project says nothing."""
        return next(iter(self.of(spec).values()), None) or spec()

    def get(self, ref: Ref) -> Spec | None:
        """The resource that `ref` names, if there is one."""
        return self.sections.get(ref.noun, {}).get(ref.name)

    def place(self, *part: str | int) -> tuple[int, int]:
        """Line and column of a part of `forebay.yaml`; (0, 0) where it is not known."""
        return self.where.get(".".join(map(str, part)), (0, 0))

    def encode(self) -> bytes:
        """JSON, for `layout.applied`."""
        parts = {name: getattr(self, name) for name in self.__struct_fields__ if name != "where"}
        return msgspec.json.encode({"format": FORMAT, **parts})

    @staticmethod
    def decode(raw: bytes, sections: Sequence[Decoder]) -> Project:
        """Undo `encode`; `sections` is `forebay.sections.SECTIONS`.

        Raises ForebayError (`StateTooNew`, `StateUnreadable`).
        """
        try:
            parts: dict[str, Any] = msgspec.json.decode(raw)
            if parts.pop("format", 0) > FORMAT:
                raise ForebayError(
                    "StateTooNew", "the applied project was written by a newer forebay", fix="upgrade forebay"
                )
            entries: Mapping[str, Mapping[str, Any]] = parts.pop("sections")
            return Project(
                **parts,
                sections={
                    section.noun: {
                        name: section.decode(value) for name, value in entries.get(section.noun, {}).items()
                    }
                    for section in sections
                },
            )
        except (msgspec.MsgspecError, TypeError, KeyError, AttributeError) as error:
            raise ForebayError("StateUnreadable", f"the applied project cannot be read: {error}") from error
