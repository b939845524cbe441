"""What is found wrong with topics before anybody is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.project.load import load
from forebay.sections import SECTIONS

MAIL = "email: [ops@example.org], mail: {host: mail.example.org, from: %s}"


@pytest.mark.parametrize(
    ("topic", "codes"),
    [
        ("email: [nobody]", ["BadAddress"]),
        (MAIL % "nobody", ["BadAddress"]),
        (MAIL % "forebay@example.org", []),
        ("webhook: ftp://example.org/x", ["BadUrl"]),
        ('webhook: "http://"', ["BadUrl"]),
        ("webhook: http://127.0.0.1:9000/x", []),
        ("filter: {level: high}", ["BadFilter"]),
        ("filter: {level: [{numerc: [1]}]}", ["BadFilter"]),
        ("filter: {level: [high, {prefix: h}, {exists: false}], n: [1, null]}", []),
    ],
)
def test_a_finding(tmp_path: Path, topic: str, codes: list[str]) -> None:
    (tmp_path / "forebay.yaml").write_text(f"name: shop\ntopics:\n  ops: {{{topic}}}\n")
    _, findings = load(tmp_path, SECTIONS)
    assert [each.code for each in findings] == codes
    assert all(each.line == 3 and each.fix for each in findings)
