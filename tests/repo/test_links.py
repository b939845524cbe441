"""Every link in the prose leads somewhere."""

from __future__ import annotations

import re

from tests.repo.repository import ROOT, texts

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]* src=\"([^\"]+)\"")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    made = set()
    for heading in re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.M):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        made.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return made


def test_every_link_of_the_readme_and_the_docs_resolves() -> None:
    broken = []
    for file, text in texts().items():
        if not file.endswith(".md"):
            continue
        for link in (a or b for a, b in LINK.findall(FENCE.sub("", text))):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (ROOT / file).parent / path if path else ROOT / file
            if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
                broken.append(f"{file}: {link}")
    assert not broken


def test_every_page_of_the_docs_is_reachable_from_its_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [file for file in texts() if re.fullmatch(r"docs/(reference/)?[a-z-]+\.md", file)]
    missing = [page for page in pages if f"({page.removeprefix('docs/')})" not in index]
    assert not missing
