"""YAML of a dashboard with the place of every part, and the list that findings go to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

import yaml

from forebay.project.finding import Finding

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(slots=True)
class Source:
    """One file being read; `findings` grows."""

    file: str
    findings: list[Finding] = field(default_factory=list)

    def add(
        self, code: str, at: yaml.Node | None, message: str, *, why: str | None = None, fix: str | None = None
    ) -> None:
        """Add an error at a node (None: the file as a whole)."""
        line, column = (at.start_mark.line + 1, at.start_mark.column + 1) if at is not None else (0, 0)
        self.findings.append(
            Finding(code=code, file=self.file, line=line, column=column, message=message, why=why, fix=fix)
        )

    def compose(self, text: str) -> yaml.Node | None:
        """The document's node, or None with a finding."""
        try:
            node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
            self.findings.append(
                Finding(
                    code="BadYaml",
                    file=self.file,
                    line=line,
                    column=column,
                    message=f"the file is no YAML: {error.problem or error.context}",
                )
            )
            return None
        except (yaml.YAMLError, ValueError) as error:
            self.add("BadYaml", None, f"the file is no YAML: {error}")
            return None
        if node is None:
            self.add("EmptyFile", None, "the file is empty", fix="give it a title and tiles")
        return node

    def mapping(self, node: yaml.Node, what: str, known: Iterable[str]) -> dict[str, yaml.Node]:
        """The values of a mapping by key; a key that is unknown or repeated is a finding."""
        if not isinstance(node, yaml.MappingNode):
            self.add("WrongType", node, f"{what} must be a mapping of keys to values")
            return {}
        known = tuple(known)
        parts: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if known and name not in known:
                self.add("UnknownKey", key, f"{what} has no key {name!r}", fix=nearest(name, known))
            elif name in parts:
                self.add("DuplicateKey", key, f"{name!r} is written twice in {what}")
            else:
                parts[name] = value
        return parts

    def text(self, node: yaml.Node | None, what: str) -> str | None:
        """A scalar as text (numbers as written), None if it is absent or null."""
        if node is None or node.tag.endswith(":null"):
            return None
        if not isinstance(node, yaml.ScalarNode):
            self.add("WrongType", node, f"{what} must be text")
            return None
        return str(node.value)

    def texts(self, node: yaml.Node | None, what: str) -> tuple[str, ...]:
        """A list of scalars, or one alone."""
        if isinstance(node, yaml.SequenceNode):
            return tuple(each for item in node.value if (each := self.text(item, what)) is not None)
        alone = self.text(node, what)
        return () if alone is None else (alone,)

    def integer(self, node: yaml.Node | None, what: str, low: int, high: int, default: int) -> int:
        """A whole number from `low` to `high`."""
        text = self.text(node, what)
        if text is None:
            return default
        if not text.isdecimal() or not low <= int(text) <= high:
            self.add("BadNumber", node, f"{what} must be a whole number from {low} to {high}, not {text}")
            return default
        return int(text)

    def truth(self, node: yaml.Node | None, what: str) -> bool:
        """true or false (the default)."""
        text = self.text(node, what)
        if text is not None and text.lower() not in _TRUTH:
            self.add("WrongType", node, f"{what} must be true or false, not {text}")
        return _TRUTH.get((text or "").lower(), False)

    def choice(self, node: yaml.Node | None, what: str, among: Iterable[str]) -> str | None:
        """One of the words `among`, or None if it is absent or none of them (then a finding says so)."""
        text = self.text(node, what)
        among = tuple(among)
        if text is None or text in among:
            return text
        self.add("UnknownWord", node, f"{what} cannot be {text!r}", fix=nearest(text, among))
        return None


def nearest(word: str, among: Iterable[str]) -> str:
    """`did you mean …?`, else all there are."""
    among = tuple(among)
    close = difflib.get_close_matches(word, among, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else "use one of: " + ", ".join(among)
