"""A project's folder for a test: its forebay.yaml and the files that it names."""

from __future__ import annotations

from pathlib import Path

from forebay.project.finding import Finding
from forebay.project.load import load
from forebay.project.model import Project
from forebay.sections import SECTIONS

PYTHON = "def lambda_handler(event, context):\n    return event\n\n\ndef clean(event):\n    return event\n"
STREAM = "streams: {activity: {}}\n"
DELIVERY = "delivery:\n  clicks:\n    to: lake.shop/clicks/\n"


class Folder:
    """Files under `root`; `check` and `good` load them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, files: dict[str, str]) -> None:
        """Write files, by their path."""
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    def check(self, yaml: str, files: dict[str, str] | None = None) -> list[Finding]:
        """The findings of a forebay.yaml; `name:` is put on its first line if it has none."""
        text = yaml if yaml.startswith("name:") else f"name: shop\n{yaml}"
        self.write({"forebay.yaml": text, **(files or {})})
        return load(self.root, SECTIONS)[1]

    def good(self, yaml: str, files: dict[str, str] | None = None) -> Project:
        """The project, which must have no finding."""
        findings = self.check(yaml, files)
        assert findings == []
        project, _ = load(self.root, SECTIONS)
        assert project is not None
        return project


def codes(findings: list[Finding]) -> list[str]:
    """Their codes, in order."""
    return [finding.code for finding in findings]


def only(findings: list[Finding]) -> Finding:
    """The one finding there is."""
    assert len(findings) == 1, findings
    return findings[0]


def said(finding: Finding) -> tuple[str, int, str | None]:
    """Its code, its line and the fix."""
    return finding.code, finding.line, finding.fix
