"""A cursor over the words of a text of Flink SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from forebay.errors import UsageError
from forebay.streamsql.lexer import Token, place, tokens
from forebay.streamsql.words import RESERVED

T = TypeVar("T")


class Cursor:
    """A cursor over the words of a text, with what is said of what it cannot read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens(text)
        self._index = 0

    @property
    def now(self) -> Token:
        """The next word."""
        return self._tokens[self._index]

    def ahead(self, count: int = 1) -> Token:
        """A word further on."""
        return self._tokens[min(self._index + count, len(self._tokens) - 1)]

    def next(self) -> Token:
        """Take a word."""
        token = self.now
        if token.kind != "end":
            self._index += 1
        return token

    def take(self, *words: str) -> bool:
        """Take these words if they are next, all of them."""
        for count, word in enumerate(words):
            if self.ahead(count).upper != word:
                return False
        self._index += len(words)
        return True

    def need(self, *words: str) -> None:
        """Take these words, or say that they are missing."""
        for word in words:
            if not self.take(word):
                self.fail(f"expected {word}, found {self._shown()}")

    def several(self, one: Callable[[], T]) -> list[T]:
        """What `one` takes, once or more often, with commas between."""
        found = [one()]
        while self.take(","):
            found.append(one())
        return found

    def name(self) -> str:  # noqa: RET503 - to refuse is to raise
        """Take a name."""
        token = self.now
        if token.kind == "quoted" or (token.kind == "word" and token.upper not in RESERVED):
            return self.next().text
        self.fail(f"expected a name, found {self._shown()}")

    def string(self) -> str:
        """Take a string."""
        if self.now.kind != "string":
            self.fail(f"expected a 'string', found {self._shown()}")
        return self.next().text

    def fail(self, message: str, at: int | None = None) -> NoReturn:
        """Raises UsageError `StreamSqlSyntax`."""
        line, column = place(self.text, self.now.at if at is None else at)
        raise UsageError("StreamSqlSyntax", message, line=line, column=column)

    def refuse(self, what: str, at: int | None = None, fix: str | None = None) -> NoReturn:
        """Raises UsageError `StreamSqlNotSupported`: it is Flink SQL, but not what runs here."""
        line, column = place(self.text, self.now.at if at is None else at)
        raise UsageError(
            "StreamSqlNotSupported", f"{what} does not run here", line=line, column=column, fix=fix
        )

    def _shown(self) -> str:
        return "the end" if self.now.kind == "end" else repr(self.now.text)
