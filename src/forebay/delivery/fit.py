"""A column as Arrow's JSON reader gave it, made a column of the table's type, whole vectors at a time."""

from __future__ import annotations

from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from forebay.delivery.coerce import Unfit, coerce, text_of
from forebay.delivery.types import DATE, TIMESTAMP, Array, Column, Fixed, Struct, Type, arrow_type, nulls

# What Arrow raises of a value or a pair of types that does not fit; the second is one that it has no cast for.
_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, OverflowError)


def fit(array: Column, kind: Type) -> Column:
    """`array` as `kind`. Raises Unfit where a value does not fit (which row, the caller finds out)."""
    target = arrow_type(kind)
    if array.type == target:
        return array
    if pa.types.is_null(array.type):
        return nulls(len(array), kind)
    match kind:
        case Struct():
            return _struct(array, kind)
        case Array():
            return _list(array, kind)
    try:
        return _scalar(array, kind, target)
    except _ERRORS:
        return _each(array, kind, target)


def coalesce(arrays: list[Column]) -> Column:
    """The first value that is not null, of columns whose names differ in case only."""
    return arrays[0] if len(arrays) == 1 else pc.coalesce(*arrays)


def _struct(array: Column, kind: Struct) -> Column:
    if not pa.types.is_struct(array.type):
        raise Unfit(f"it is no {kind}")
    given: dict[str, list[Column]] = {}
    for field, child in zip(array.type, array.flatten(), strict=True):
        given.setdefault(field.name.lower(), []).append(child)
    children = []
    for name, each in kind.fields:
        found = [fit(child, each) for child in given.get(name, [])]
        children.append(coalesce(found) if found else nulls(len(array), each))
    fields: Any = list(cast("Any", arrow_type(kind)))
    return pa.StructArray.from_arrays(children, fields=fields, mask=pc.is_null(array))


def _list(array: Column, kind: Array) -> Column:
    if not pa.types.is_list(array.type):
        raise Unfit("it is no array")
    if array.offset:
        array = pa.concat_arrays([array])
    values = fit(array.values, kind.item)
    mask = pc.is_null(array) if array.null_count else None
    return pa.ListArray.from_arrays(array.offsets, values, type=arrow_type(kind), mask=mask)


def _scalar(array: Column, kind: Type, target: pa.DataType) -> Column:
    source = array.type
    if kind == TIMESTAMP and pa.types.is_string(source):
        try:
            return pc.cast(array, target)
        except pa.ArrowInvalid:
            return pc.cast(pc.cast(array, pa.timestamp("us", "UTC")), target)
    if pa.types.is_string(target) and not (pa.types.is_string(source) or pa.types.is_integer(source)):
        return pa.array([None if v is None else text_of(v) for v in array.to_pylist()], target)
    if kind == DATE and not pa.types.is_string(source):
        raise Unfit("it is no date")
    if isinstance(kind, Fixed) and (kind.name == "binary" or pa.types.is_decimal(target)):
        return _each(array, kind, target)
    return pc.cast(array, target)


def _each(array: Column, kind: Type, target: pa.DataType) -> Column:
    values: list[Any] = [coerce(value, kind) for value in array.to_pylist()]
    try:
        return pa.array(values, target)
    except _ERRORS as error:
        raise Unfit(str(error)) from None
