"""What is made over the wire outlives the process, and never hides what the project declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.errors import UsageError
from forebay.project.model import Project
from forebay.runtime.documents import Documents, effective, effective_at, refuse_declared
from forebay.sections import SECTIONS
from forebay.streams.section import StreamSpec
from forebay.web.state import open_state


def test_documents_outlive_their_connection(tmp_path: Path) -> None:
    db = open_state(tmp_path / "state.db")
    documents = Documents(db)
    documents.put("athena.execution", "a/1", {"state": "RUNNING"})
    documents.put("athena.execution", "a/1", {"state": "SUCCEEDED"})
    documents.put("athena.execution", "b/1", {"state": "FAILED"})
    db.close()
    db = open_state(tmp_path / "state.db")
    documents = Documents(db)
    assert documents.get("athena.execution", "a/1") == {"state": "SUCCEEDED"}
    assert [id for id, _ in documents.all("athena.execution", "b/")] == ["b/1"]
    assert documents.delete("athena.execution", "a/1")
    assert not documents.delete("athena.execution", "a/1")
    documents.delete_all("athena.execution")
    assert list(documents.all("athena.execution")) == []
    db.close()


def test_resources_made_over_the_wire_join_the_projects_own(tmp_path: Path) -> None:
    declared = Project(name="p", root=str(tmp_path), sections={"streams": {"mine": StreamSpec(shards=2)}})
    db = open_state(tmp_path / "state.db")
    documents = Documents(db)
    documents.put("streams", "made", {"spec": {"shards": 3}})
    documents.put("streams", "mine", {"spec": {"shards": 9}})
    merged = effective(declared, documents, SECTIONS)
    db.close()
    assert {name: spec.shards for name, spec in merged.of(StreamSpec).items()} == {"mine": 2, "made": 3}
    assert effective_at(tmp_path / "state.db", declared, SECTIONS) == merged
    assert effective_at(tmp_path / "none.db", declared, SECTIONS).of(StreamSpec) == declared.of(StreamSpec)


def test_what_the_project_declares_is_changed_there_only(tmp_path: Path) -> None:
    declared = Project(name="p", root=str(tmp_path), sections={"streams": {"mine": StreamSpec()}})
    refuse_declared(declared, "streams", "made")
    with pytest.raises(UsageError, match="declared in the project"):
        refuse_declared(declared, "streams", "mine")
