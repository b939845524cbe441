"""The `dashboards` section: which files are dashboards."""

from __future__ import annotations

from typing import Annotated, ClassVar

from forebay.project.check import Check
from forebay.project.field import Field
from forebay.project.model import Spec
from forebay.project.section import Section


class DashboardSpec(Spec, frozen=True, kw_only=True):
    """A dashboard."""

    scalar_doc: ClassVar[str | None] = "the file"

    file: Annotated[
        str, Field("A YAML file of tiles over queries.", example="dashboards/evening.yaml", kind="path")
    ]

    @classmethod
    def scalar(cls, text: str) -> dict[str, str]:
        """A bare scalar is the file."""
        return {"file": text}


def _check(check: Check) -> None:
    if not check.project.sections.get("dashboards"):
        return
    from forebay.dashboards.reader import read  # noqa: PLC0415 - needed only to check, not to run

    _, findings = read(check.project)
    check.findings += [finding for finding in findings if finding.code != "UnreadableFile"]


SECTION = Section(
    noun="dashboards",
    title="Dashboards",
    doc=(
        "Each entry is a page of charts over queries, at the console port, live. Every `dashboards/*.yaml` is one "
        "without being listed."
    ),
    example="""\
evening: dashboards/evening.yaml
""",
    spec=DashboardSpec,
    discover="dashboards/*.yaml",
    check=_check,
)
