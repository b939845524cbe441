"""Records that are to be posted: base64 as the request has it, with what an error entry would say of each."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import orjson

from forebay.clock import now_us
from forebay.delivery.formats.lines import final_lines
from forebay.delivery.group import ERROR, Encoded, Group, Slot
from forebay.delivery.intake import Work
from forebay.delivery.prefix import ENDPOINT
from forebay.event import decode_records, encode_records
from forebay.ports import Json, Lines, SegmentRow, Table

SLOT = Slot(ERROR, (("type", ENDPOINT),))
"""What becomes an object of these is what the endpoint did not take."""
META: Json = {"format": "json", "compression": "none", "post": True}


class PostEncoder:
    """Nothing is turned away: any bytes can be posted."""

    def encode(self, output: Lines | Table, work: Work, own: bool) -> Encoded:
        """All of it in one group; what code made empty is dropped."""
        lines, source, _ = final_lines(output, own, raw=True)
        if not lines:
            return Encoded([], [], len(set(output.source)))
        by_input: dict[int, list[bytes]] = {}
        for line, index in zip(lines, source, strict=True):
            by_input.setdefault(index, []).append(line)
        kept = [_kept(index, given, work) for index, given in by_input.items()]
        inputs = len(kept)
        group = Group(
            slot=SLOT,
            rows=inputs,
            inputs=inputs,
            size=sum(map(len, lines)),
            encoding="lines",
            payload=encode_records(kept),
            arrival=work.origins[source[0]].arrival,
            meta=META,
        )
        return Encoded([group], [], len(set(output.source)) - inputs)


def _kept(index: int, lines: list[bytes], work: Work) -> bytes:
    """An input: what it was, and under `post` what code made of it, if that is something else."""
    origin, data = work.origins[index], work.records[index]
    entry: Json = {
        "arrivalTimestamp": origin.arrival // 1000,
        "rawData": base64.b64encode(data).decode(),
        "eventId": {"log": origin.log, "shard": origin.shard, "offset": origin.offset},
    }
    if lines != [data]:
        entry["post"] = [base64.b64encode(line).decode() for line in lines]
    return orjson.dumps(entry)


def texts(segments: Sequence[SegmentRow]) -> list[str]:
    """The records of a request."""
    found: list[str] = []
    for segment in segments:
        for line in decode_records(segment.payload).records():
            entry = orjson.loads(line)
            found += entry.get("post") or [entry["rawData"]]
    return found


def entries(segment: SegmentRow, *, code: str, message: str, attempts: int) -> SegmentRow:
    """A segment as error entries: what came in, and why nothing of it was accepted."""
    said = {
        "attemptsMade": attempts,
        "errorCode": code,
        "errorMessage": message,
        "attemptEndingTimestamp": now_us() // 1000,
    }
    lines = []
    for line in decode_records(segment.payload).records():
        entry = orjson.loads(line)
        entry.pop("post", None)
        lines.append(orjson.dumps(said | entry))
    payload = encode_records(lines)
    return SegmentRow(segment.buffer, segment.rows, segment.inputs, len(payload), "lines", payload)
