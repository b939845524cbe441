"""Which door a request is for: by method and path, with parameters."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from forebay.errors import ForebayError, NotFound

T = TypeVar("T")
ANY = "ANY"
EVERY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_PARAMETER = re.compile(r"\{([^{}/+]+)(\+?)\}")


class MethodNotAllowed(ForebayError):
    """The path exists, for other methods (HTTP 405); `allow` in `extra` lists them."""

    status = 405


def parameters(path: str) -> list[str]:
    """The names in a route's path: `/shops/{shop}/{rest+}` → shop, rest."""
    return [match[1] for match in _PARAMETER.finditer(path)]


def _pattern(path: str) -> re.Pattern[str]:
    out, at = "", 0
    for match in _PARAMETER.finditer(path):
        out += re.escape(path[at : match.start()])
        out += "(.+)" if match[2] else "([^/]+)"
        at = match.end()
    return re.compile(out + re.escape(path[at:]))


def _each(routes: list[tuple[str, str, T]]) -> Iterator[tuple[str, str, T]]:
    """The routes, `ANY` being each method that no other has on that path."""
    taken = {(method, path) for method, path, _ in routes}
    for method, path, target in routes:
        if method != ANY:
            yield method, path, target
            continue
        yield from ((each, path, target) for each in EVERY if (each, path) not in taken)


class Router(Generic[T]):
    """Finds the target of a method and path; a route's method may be ANY.

    A path without parameters wins over one with; among those the one with more literal text does. A
    parameter takes one part of the path, `{rest+}` one or more. Paths are to be given percent-decoded.
    """

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        self._exact: dict[tuple[str, str], T] = {}
        self._patterns: list[tuple[int, str, re.Pattern[str], list[str], T]] = []
        self._paths: list[tuple[str, str]] = []
        for method, path, target in _each(list(routes)):
            self._paths.append((method, path))
            names = parameters(path)
            if names:
                literal = len(_PARAMETER.sub("", path))
                self._patterns.append((literal, method, _pattern(path), names, target))
            else:
                self._exact[method, path] = target
        self._patterns.sort(key=lambda entry: -entry[0])

    def match(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """The target and the path's parameters; None if there is none."""
        target = self._exact.get((method, path))
        if target is not None:
            return target, {}
        for _, its_method, pattern, names, found in self._patterns:
            if its_method == method and (match := pattern.fullmatch(path)):
                return found, dict(zip(names, match.groups(), strict=True))
        return None

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]]:
        """The target and the path's parameters. Raises NotFound with near paths, or MethodNotAllowed."""
        matched = self.match(method, path)
        if matched is not None:
            return matched
        methods = self.methods(path)
        if methods:
            raise MethodNotAllowed(
                "MethodNotAllowed",
                f"{path} takes {', '.join(methods)}, not {method}",
                allow=methods,
            )
        raise self._not_found(path)

    def methods(self, path: str) -> list[str]:
        """The methods that a path takes."""
        found = {method for method, its in self._exact if its == path}
        found |= {method for _, method, pattern, _, _ in self._patterns if pattern.fullmatch(path)}
        return sorted(found)

    def _not_found(self, path: str) -> NotFound:
        known = sorted({its for _, its in self._paths})
        near = difflib.get_close_matches(path[:200], known, n=3, cutoff=0.5)
        if near:
            fix = f"did you mean {' or '.join(near)}?"
        elif known:
            fix = f"the routes are {', '.join(known[:10])}{', ...' if len(known) > 10 else ''}"
        else:
            fix = "declare one under ingest: in forebay.yaml"
        return NotFound("NoSuchRoute", f"no route takes {path[:200]}", fix=fix)
