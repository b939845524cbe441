"""The tokens of an expression under the parser's hand: words that are there, words that must be, paths."""

from __future__ import annotations

from decimal import Decimal

from forebay.query.s3select import moments
from forebay.query.s3select.errors import refused
from forebay.query.s3select.lexer import Token
from forebay.query.s3select.syntax import Every, Name, Step


class Cursor:
    """Where in the tokens a parser is, and the small things that it finds there."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0

    # Tokens.

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        found = self._now
        if found.kind != "end":
            self._at += 1
        return found

    def _is(self, *texts: str) -> bool:
        return self._now.kind in ("keyword", "operator") and self._now.text in texts

    def _had(self, *texts: str) -> bool:
        if self._is(*texts):
            self._at += 1
            return True
        return False

    def _need(self, text: str, code: str) -> None:
        if not self._had(text):
            raise refused(code, f"Expected {text.upper()}. {self._now.where()}")

    def _word(self, *texts: str) -> bool:
        return self._now.kind == "word" and self._now.text.lower() in texts

    def _steps(self) -> tuple[Step, ...]:
        found: list[Step] = []
        while True:
            if self._had("."):
                step = self._take()
                if step.kind == "operator" and step.text == "*":
                    found.append(Every(named=True))
                elif step.kind in ("word", "quoted", "keyword"):
                    found.append(Name(step.text, step.kind == "quoted"))
                else:
                    raise refused("ParseInvalidPathComponent", step.where())
            elif self._had("["):
                step = self._take()
                if step.kind == "operator" and step.text == "*":
                    found.append(Every())
                elif step.kind == "number" and step.text.isdigit():
                    found.append(int(step.text))
                elif step.kind == "string":
                    found.append(Name(step.text, exact=True))
                else:
                    raise refused("ParseInvalidPathComponent", step.where())
                self._need("]", "ParseInvalidPathComponent")
            else:
                return tuple(found)


def ion(found: Token) -> object:
    """The value that an Ion literal is. Raises QueryFailed."""
    text = found.text.strip()
    if (moment := moments.parsed(text)) is not None:
        return moment
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    try:
        return Decimal(text) if "." in text or "e" in text.lower() or "d" in text.lower() else int(text)
    except (ValueError, ArithmeticError):
        raise refused("LexerInvalidIONLiteral", found.where()) from None
