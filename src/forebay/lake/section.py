"""The `lake` section: buckets."""

from __future__ import annotations

from typing import Annotated

from forebay.project.field import WAS, Field
from forebay.project.graph import edges_of
from forebay.project.model import Project, Spec
from forebay.project.section import Section
from forebay.project.walk import walk_project

BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"


class BucketSpec(Spec, frozen=True, kw_only=True):
    """A bucket."""

    expire: Annotated[
        float | None,
        Field("Objects older than this are removed.", example="90d", kind="duration", minimum=60),
    ] = None
    versioning: Annotated[
        bool,
        Field(
            "Keep what is overwritten or deleted. Where it is left out again, versions go on as S3's clients say."
        ),
    ] = False
    was: Annotated[str | None, WAS] = None


SECTION = Section(
    noun="lake",
    title="Buckets",
    doc=(
        "Each entry is a bucket. One that is only written to, by a delivery say, need not be listed. Objects are "
        "plain files under `.forebay/lake/<bucket>/`."
    ),
    example="""\
shop: {expire: 90d}
""",
    spec=BucketSpec,
    pattern=BUCKET,
    name_doc="3 to 63 lower-case letters, digits, - and ., as on S3",
    holds=lambda _: True,
)


def errors_bucket(project: Project) -> str:
    """Where events are kept that a rule's target or a function did not take, if nothing else is said."""
    return f"{project.name.lower().replace('_', '-')}-errors"


def buckets(project: Project) -> set[str]:
    """Every bucket there is: those listed, and those that something of the project names or may need."""
    named = {value.target for value in walk_project(project)}
    found = {*project.of(BucketSpec), *(target.name for target in named if target and target.noun == "lake")}
    if any(
        edge.by == "rule" or (edge.pulled and edge.target.noun == "functions") for edge in edges_of(project)
    ):
        found.add(errors_bucket(project))
    return found


def versioned(project: Project) -> list[str]:
    """The buckets whose versions are kept because the project says so."""
    return [name for name, bucket in project.of(BucketSpec).items() if bucket.versioning]
