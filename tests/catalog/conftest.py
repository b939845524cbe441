"""What the catalog's tests may ask for."""

from __future__ import annotations

from tests.catalog.crawled import lake

__all__ = ["lake"]
