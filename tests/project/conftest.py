"""What the tests of the project file share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project.folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder, in which each test writes its project."""
    return Folder(tmp_path)
