"""Arrow's kernels and arrays, as the code here uses them: the stubs know fewer of their arguments than there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute

if TYPE_CHECKING:
    Array: TypeAlias = Any
    Column: TypeAlias = Any
else:
    Array = Column = pa.Array

pc: Any = pyarrow.compute


def whole(column: Column) -> Array:
    """A column in one piece."""
    if isinstance(column, pa.ChunkedArray):
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return column
