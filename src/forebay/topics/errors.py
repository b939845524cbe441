"""What a subscriber's way may raise besides whatever goes wrong by itself."""

from __future__ import annotations

from forebay.errors import ForebayError


class Refused(ForebayError):
    """The subscriber does not take this message, and would not take it another time. Whatever else is raised is tried again."""
