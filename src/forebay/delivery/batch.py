"""A piece of work from records to groups: transform, encode, and set apart what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forebay.arn import arn
from forebay.delivery.formats import Encoder
from forebay.delivery.group import ERROR, Group, Misfit, Slot, lines_group
from forebay.delivery.intake import Work
from forebay.delivery.prefix import PROCESSING
from forebay.delivery.section import DeliverySpec
from forebay.delivery.shapes import Rejected, error_entry
from forebay.ports import Lines, Outcome, Transform

ERROR_META = {"format": "json", "compression": "none"}


@dataclass(slots=True)
class Done:
    """Everything that became of a piece of work."""

    groups: list[Group]
    dropped: int
    warnings: Sequence[str] = ()


def process(work: Work, transform: Transform | None, encoder: Encoder, spec: DeliverySpec, name: str) -> Done:
    """Every input of `work` in exactly one group, or dropped. Raises Unavailable if the code cannot run now."""
    if transform is None:
        outcome = Outcome(Lines(work.records, range(len(work.records))))
    else:
        outcome = transform.apply(work.records, work.origins)
    failed = {failure.index for failure in outcome.failed}
    dropped = set(outcome.dropped) - failed
    encoded = encoder.encode(outcome.output, work, transform is None)
    misfits = [Misfit(f.index, PROCESSING, f.code, f.reason) for f in outcome.failed]
    misfits += encoded.misfits
    function = None
    if spec.transform is not None and spec.transform.kind != "sql":
        function = arn("lambda", f"function:{spec.transform.function or name}:$LATEST")
    return Done(
        groups=[*encoded.groups, *_error_groups(misfits, work, function)],
        dropped=len(dropped) + encoded.emptied,
        warnings=outcome.warnings,
    )


def _error_groups(misfits: Sequence[Misfit], work: Work, function: str | None) -> list[Group]:
    by_type: dict[str, dict[int, Misfit]] = {}
    for misfit in misfits:
        by_type.setdefault(misfit.type, {}).setdefault(misfit.index, misfit)
    groups = []
    seen: set[int] = set()
    for kind, some in by_type.items():
        lines = []
        for index, misfit in some.items():
            if index in seen:
                continue
            seen.add(index)
            rejected = Rejected(work.records[index], work.origins[index], misfit.code, misfit.reason)
            lines.append(error_entry(rejected, function=function))
        if lines:
            arrival = work.origins[next(iter(some))].arrival
            groups.append(lines_group(Slot(ERROR, (("type", kind),)), lines, len(lines), arrival, ERROR_META))
    return groups
