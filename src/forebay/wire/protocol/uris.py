"""Request URI templates of the models (`/{Bucket}/{Key+}`) against paths."""

from __future__ import annotations

import functools
import re
from urllib.parse import unquote

_GREEDY = re.compile(r"\{([^}]+?)(\+?)\}")


def match_uri(template: str, path: str) -> dict[str, str] | None:
    """The labels of a request URI template (`/{Bucket}/{Key+}`) in `path`, decoded; None if it does not fit."""
    pattern = _uri_pattern(template)
    found = pattern.fullmatch(path)
    if found is None:
        return None
    return {name: unquote(text) for name, text in zip(_names(template), found.groups(), strict=True)}


def fits_uri(template: str, path: str) -> bool:
    """Whether `path` fits a request URI template."""
    return _uri_pattern(template).fullmatch(path) is not None


@functools.cache
def _names(template: str) -> tuple[str, ...]:
    return tuple(name for name, _ in _GREEDY.findall(template.partition("?")[0]))


@functools.cache
def _uri_pattern(template: str) -> re.Pattern[str]:
    path = template.partition("?")[0]
    parts: list[str] = []
    at = 0
    for label in _GREEDY.finditer(path):
        parts.append(re.escape(path[at : label.start()]))
        parts.append("(.+)" if label.group(2) else "([^/]+)")
        at = label.end()
    parts.append(re.escape(path[at:]))
    return re.compile("".join(parts).rstrip("/") + "/?", re.DOTALL)
