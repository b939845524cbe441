"""A project's folder → a `Project`, or what is wrong with it: all of it, not the first thing only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from forebay.project.check import Check, Part
from forebay.project.fields import fields_of
from forebay.project.finding import Finding
from forebay.project.generic import check_all
from forebay.project.model import Location, Project, Spec
from forebay.project.parse import Parser
from forebay.project.read import read_file
from forebay.project.section import Section
from forebay.project.walk import walk_project

FILE = "forebay.yaml"


def find_root(start: Path) -> Path | None:
    """The nearest folder from `start` upwards that is a project's."""
    here = start.resolve()
    return next((folder for folder in (here, *here.parents) if (folder / FILE).is_file()), None)


def load(root: Path, sections: Sequence[Section]) -> tuple[Project | None, list[Finding]]:
    """The project in the folder `root`, and all findings, in the order of their places.

    The project is None if any finding is an error.
    """
    if not root.is_dir():
        message = f"{root} is not a folder" if root.exists() else f"{root} does not exist"
        return None, [Finding(code="NoProject", file=str(root), message=message, fix="forebay init DIR")]
    node, _, findings = read_file(root / FILE, FILE)
    if node is None and findings and findings[0].code == "FileNotFound":
        return None, [_absent(root)]
    if node is None and findings:
        return None, findings
    parser = Parser(FILE, sections)
    settings, entries = parser.project(node)
    findings += parser.findings
    for section in sections:
        _discover(section, root, entries[section.noun], parser.known[section.noun])
    top = msgspec.structs.asdict(settings) if settings is not None else {"name": "project"}
    project = Project(root=str(root.resolve()), sections=entries, **top)
    project = _complete(project, sections)
    check = Check(project, FILE, parser.places, parser.known, findings)
    check_all(check)
    for section in sections:
        if section.check is not None:
            section.check(check)
    findings = sorted(dict.fromkeys(check.findings), key=lambda f: (f.file != FILE, f.file, f.line, f.column))
    if any(finding.severity == "error" for finding in findings):
        return None, findings
    where = {".".join(map(str, part)): place for part, place in parser.places.items()}
    return msgspec.structs.replace(project, where=where), findings


def _absent(root: Path) -> Finding:
    other = next((name for name in ("forebay.yml", "Forebay.yaml") if (root / name).is_file()), None)
    return Finding(
        code="NoProject",
        file=FILE,
        message=f"there is no {FILE} in {root}",
        fix=f"rename {other} to {FILE}" if other else "forebay init DIR makes a project to start from",
    )


def _discover(section: Section, root: Path, entries: dict[str, Spec], known: set[str]) -> None:
    """Files that count without being listed."""
    if section.discover is None:
        return
    listed = {getattr(entry, "file", None) for entry in entries.values()}
    for path in sorted(root.glob(section.discover)):
        file = path.relative_to(root).as_posix()
        if file not in listed and path.stem not in known and path.is_file():
            entries[path.stem] = section.spec(file=file)
            known.add(path.stem)


def _complete(project: Project, sections: Sequence[Section]) -> Project:
    """Buckets that are only used, and what entries take from others."""
    by_noun = {section.noun: section for section in sections}
    lake = by_noun.get("lake")
    if lake is not None:
        buckets = {value.value.bucket for value in walk_project(project) if isinstance(value.value, Location)}
        for bucket in sorted(buckets - project.sections["lake"].keys()):
            project.sections["lake"][bucket] = lake.spec()
    resolved = {
        noun: {
            name: section.resolve(entry, project) if section.resolve is not None else entry
            for name, entry in project.sections[noun].items()
        }
        for noun, section in by_noun.items()
    }
    return msgspec.structs.replace(project, sections=resolved)


def unsupported(project: Project, sections: Sequence[Section]) -> list[Finding]:
    """What the project asks for that does not run yet: `forebay run` refuses, `check` does not."""
    found = []
    for section in sections:
        entries = project.sections.get(section.noun, {})
        if section.later is not None and entries:
            found.append(_not_built(project, (section.noun,), section.later))
            continue
        for name, entry in entries.items():
            part = (section.noun,) if section.single else (section.noun, name)
            found += [_not_built(project, *later) for later in _later(entry, part)]
    return sorted(found, key=lambda finding: (finding.line, finding.column))


def _later(spec: Spec, part: Part) -> Iterator[tuple[Part, str]]:
    """The parts of `spec` that are set and do not run yet, with the reason."""
    for field in fields_of(type(spec)):
        value = getattr(spec, field.name)
        here = (*part, field.key)
        if field.meta.later is not None and (field.required or value != field.default):
            yield here, field.meta.later
        elif isinstance(value, Spec):
            yield from _later(value, here)


def _not_built(project: Project, part: Part, why: str) -> Finding:
    line, column = project.place(*part)
    return Finding(
        code="NotBuiltYet",
        file=FILE,
        line=line,
        column=column,
        message=f"`{'.'.join(map(str, part))}` does not run yet",
        why=why,
        fix="remove it, or comment it out, to run the rest",
    )
