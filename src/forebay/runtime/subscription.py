"""The name under which a log keeps a declared consumer.

The consumer of a delivery that is put to directly has the name of its log, and a log's own name stands for
"nobody reads this"; so a consumer's carries a prefix.
"""

from __future__ import annotations

PREFIX = "by:"
