"""The name under which a log keeps a declared consumer: `streams.keep.PREFIX`, for those above the nouns."""

from __future__ import annotations

from forebay.streams.keep import PREFIX

__all__ = ["PREFIX"]
