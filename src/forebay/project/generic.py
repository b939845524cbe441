"""The checks that need no knowledge of a noun: references, files, handlers, renames, loops, secrets."""

from __future__ import annotations

from forebay.errors import ForebayError
from forebay.project import handlers
from forebay.project.check import Check
from forebay.project.files import FileTrouble, read_inside
from forebay.project.graph import edges_of, loops
from forebay.project.kinds import secret_names
from forebay.project.model import Location, Ref
from forebay.project.near import nearest
from forebay.project.secrets import find_secret
from forebay.project.unfit import Unfit
from forebay.project.walk import Value, walk_project


def check_all(check: Check) -> None:
    """Run every check over every value."""
    for value in walk_project(check.project):
        if isinstance(value.value, Location):
            _location(check, value)
        elif (target := value.target) is not None:
            _reference(check, value, target)
        elif value.field.meta.kind == "path":
            check_file(check, value)
        elif value.field.meta.kind in ("handler", "callable"):
            _handler(check, value)
        elif value.field.name == "was":
            _was(check, value)
        if value.field.meta.secrets:
            _secrets(check, value)
    _loops(check)


def _location(check: Check, value: Value) -> None:
    """A bucket needs no entry; but one that looks like an entry's misspelling is said."""
    bucket = value.value.bucket
    declared = check.known.get("lake", set())
    if bucket not in declared and (near := nearest(bucket, declared)):
        check.add(
            "NearBucket",
            value.part,
            f"the bucket {bucket} is not under `lake`",
            why="it will be made; but its name is close to one that is there",
            fix=f"did you mean {near}? Else add it under `lake`",
            severity="warning",
        )


def _reference(check: Check, value: Value, target: Ref) -> None:
    allowed = value.field.meta.refs
    names = check.known.get(target.noun, set())
    if target.noun not in allowed:
        others = [f"{noun}.{target.name}" for noun in allowed if target.name in check.known.get(noun, ())]
        check.add(
            "WrongReference",
            value.part,
            f"`{value.field.key}` cannot name {target}",
            why=f"it takes {_either(allowed)}",
            fix=f"did you mean {others[0]}?" if others else None,
        )
    elif target.name not in names and target.noun != "telemetry":
        candidates = {str(Ref(noun, name)) for noun in allowed for name in check.known.get(noun, ())}
        near = nearest(str(target), candidates)
        shown = near if near is None or isinstance(value.value, Ref) else near.partition(".")[2]
        known = ", ".join(sorted(candidates)) or "none is declared"
        check.add(
            "UnknownReference",
            value.part,
            f"there is no {target}",
            fix=f"did you mean {shown}?" if shown else f"known: {known}",
        )


def _either(nouns: tuple[str, ...]) -> str:
    return " or ".join(f"{noun}.<name>" for noun in nouns)


def check_file(check: Check, value: Value) -> None:
    """The file that a `path` names is there, inside the project, and can be read."""
    try:
        read_inside(check.root, str(value.value))
    except FileTrouble as trouble:
        check.add(trouble.code, value.part, trouble.message, why=trouble.why, fix=trouble.fix)


def _handler(check: Check, value: Value) -> None:
    if value.part not in check.places:
        return  # it was taken from another entry and is looked at there
    arguments = None if value.field.meta.kind == "callable" else 1 if ".py:" in value.value else 2
    broken = handlers.find(check.root, value.value, arguments=arguments)
    if broken is not None:
        check.add(
            broken.code,
            value.part,
            broken.message,
            why=broken.why,
            fix=broken.fix,
            file=broken.file,
            line=broken.line,
            column=broken.column,
        )


def _was(check: Check, value: Value) -> None:
    noun, name = str(value.part[0]), str(value.part[1])
    if value.value in check.known.get(noun, ()):
        message = "it is its own name" if value.value == name else f"{noun}.{value.value} is still there"
        check.add(
            "BadRename",
            value.part,
            message,
            why="`was` names what this entry was called before",
            fix="remove it",
        )


def _secrets(check: Check, value: Value) -> None:
    try:
        names = secret_names(value.value)
    except Unfit:
        return  # said by parsing
    for name in names:
        try:
            found = find_secret(name, check.root) is not None
        except ForebayError as error:
            check.add(error.code, value.part, error.message, why=error.why, fix=error.fix)
            continue
        if not found:
            check.add(
                "SecretMissing",
                value.part,
                f"the secret {name} is not set here",
                fix=f"set it in the environment, or as {name}=… in .forebay/secrets",
                severity="warning",
            )


def _loops(check: Check) -> None:
    for loop in loops(edges_of(check.project)):
        ends = " → ".join(str(ref) for ref in [*loop, loop[0]])
        check.add(
            "Loop",
            (loop[0].noun, loop[0].name),
            f"events would go round for ever: {ends}",
            fix="break it at one of them",
        )
