"""docs/aws.md says what the services offer, operation by operation."""

from __future__ import annotations

import subprocess
import sys

from tests.repo.repository import ROOT


def test_the_page_of_operations_is_as_the_services_are() -> None:
    """`make docs` writes it."""
    script = ROOT / "scripts" / "aws_page.py"
    made = subprocess.run([sys.executable, script, "-"], capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "aws.md").read_text() == made
