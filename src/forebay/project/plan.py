"""What a changed project means for the running one: steps, as data, to be explained or applied.

add      it was not there
change   its settings differ; what it holds stays as it is
rename   it was there under another name (`was:`); its data stays with it
rebuild  what it holds would be rewritten or lost: refused unless named (`--accept delivery.clicks`)
orphan   it is no longer in the project and holds data: parked with it, until `forebay data forget`
remove   it is no longer in the project and held nothing
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import Any, Literal

import msgspec

from forebay.project.fields import fields_of
from forebay.project.finding import Finding
from forebay.project.model import Project, Ref, Spec
from forebay.project.section import Section
from forebay.project.written import shown

Action = Literal["add", "change", "rename", "rebuild", "orphan", "remove"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do. `was` is the former name, `reasons` say what differs or what would be lost.

    A step that both renames and changes is a `rename` with reasons; one that also rebuilds is a `rebuild`
    with `was`.
    """

    action: Action
    resource: Ref
    was: str | None = None
    reasons: list[str] = []

    def __str__(self) -> str:
        """`rebuild streams.activity: 4 → 2 shards`."""
        former = f" (was {self.was})" if self.was else ""
        return f"{self.action} {self.resource}{former}" + (
            ": " + "; ".join(self.reasons) if self.reasons else ""
        )


def plan(old: Project | None, new: Project, sections: Sequence[Section]) -> list[Step]:
    """The steps from the applied project (None: nothing was applied) to the new one, in flow order."""
    steps: list[Step] = []
    for section in sections:
        before = dict(old.sections.get(section.noun, {})) if old is not None else {}
        after = new.sections.get(section.noun, {})
        for name, spec in after.items():
            was = getattr(spec, "was", None)
            renamed = was is not None and was in before and was not in after and name not in before
            former = before.pop(was if renamed and was is not None else name, None)
            step = _step(section, Ref(section.noun, name), former, spec, was if renamed else None)
            if step is not None:
                steps.append(step)
        for name, spec in before.items():
            steps.append(
                Step(action="orphan" if section.holds(spec) else "remove", resource=Ref(section.noun, name))
            )
    return steps


def _step(section: Section, ref: Ref, old: Spec | None, new: Spec, was: str | None) -> Step | None:
    if old is None:
        return Step(action="add", resource=ref)
    losses = ["it becomes another kind of entry"] if type(old) is not type(new) else section.retypes(old, new)
    if losses:
        return Step(action="rebuild", resource=ref, was=was, reasons=losses)
    reasons = differences(old, new)
    if was is not None:
        return Step(action="rename", resource=ref, was=was, reasons=reasons)
    return Step(action="change", resource=ref, reasons=reasons) if reasons else None


def differences(old: Spec, new: Spec) -> list[str]:
    """`retention: 1d → 2d`, for every field that differs; `was` alone is no difference."""
    found = []
    for field in fields_of(type(new)):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if before == after or field.name == "was":
            continue
        if type(before) is type(after) and isinstance(after, Spec):
            found += [f"{field.key}.{inner}" for inner in differences(before, after)]
        elif isinstance(before, str) and isinstance(after, str) and "\n" in before + after:
            found.append(f"{field.key}: {_lines(before.splitlines(), after.splitlines())}")
        elif isinstance(before, int | float | str | None) and isinstance(after, int | float | str | None):
            found.append(f"{field.key}: {_short(before, field)} → {_short(after, field)}")
        else:
            found.append(f"{field.key} differs")
    return found


def _short(value: Any, field: Any) -> str:
    if value is None:
        return "none"
    text = shown(value, field)
    return repr(text) if isinstance(value, str) and ("\n" in text or len(text) > 40) else text


def _lines(before: list[str], after: list[str]) -> str:
    """What differs in a text of many lines: a file of SQL is not for the terminal, twice."""
    compared = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    changes = [each for each in compared.get_opcodes() if each[0] != "equal"]
    if not changes:
        return "the end of its last line differs"
    _, low, high, begin, end = changes[0]
    if len(changes) == 1 and (high - low, end - begin) == (1, 1):
        return f"line {begin + 1}: {before[low].strip()} → {after[begin].strip()}"
    count = sum(max(each[2] - each[1], each[4] - each[3]) for each in changes)
    return f"{count} {'line differs' if count == 1 else 'lines differ'}, from line {begin + 1} on"


def refused(steps: Sequence[Step], project: Project, accepted: Collection[str]) -> list[Finding]:
    """A finding for each step that loses something and was not named in `accepted` (`delivery.clicks`)."""
    found = []
    for step in steps:
        if step.action == "rebuild" and str(step.resource) not in accepted:
            line, column = project.place(str(step.resource))
            found.append(
                Finding(
                    code="NeedsAccept",
                    file="forebay.yaml",
                    line=line,
                    column=column,
                    message=f"{step.resource} holds data and would be made anew",
                    why="; ".join(step.reasons),
                    fix=f"undo the change, or agree to it: forebay run --accept {step.resource}",
                )
            )
    return found
