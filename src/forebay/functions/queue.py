"""Calls that nobody waits for: kept on disk until they are answered, tried again, given up in the end.

A call is a row of `function_calls` in the catalog, so that whoever makes one (a rule, a bucket's notice, the
AWS wire) commits it with its own position: `enqueue` inside their transaction. It is made at least once, each
time with the same request id, and its row goes after its answer.

As Lambda does it: an error of the function is tried again `retries` times, a function that cannot be called
(busy, its process down) until the call is `max_age` old; what is given up or answered is told to the
function's destinations. What differs: AWS waits one and two minutes before the tries, we one and two seconds;
and a call that is given up with nobody to tell stays, as a row in the state `failed`.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import apsw

from forebay.arn import arn
from forebay.clock import SECOND, iso, now_us
from forebay.errors import ForebayError, NotFound
from forebay.functions.invoke import Invoker, Result
from forebay.functions.section import FunctionSpec
from forebay.ports import Catalog
from forebay.project.model import Ref

log = logging.getLogger(__name__)

DDL = """
-- `due` and `created` are UTC microseconds; `tries` counts answers that were errors, `delays` the times that
-- it could not be called at all. `state`: waiting, or failed (given up, with its reason).
CREATE TABLE IF NOT EXISTS function_calls(
  id INTEGER PRIMARY KEY AUTOINCREMENT, function TEXT NOT NULL, request TEXT NOT NULL, payload BLOB NOT NULL,
  created INTEGER NOT NULL, due INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
  delays INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting', reason TEXT
);
CREATE INDEX IF NOT EXISTS function_calls_due ON function_calls(state, function, due);
"""

FIRST = 1.0
BACKOFF_MOST = 60.0
POLL = 0.5
THREADS = 128
KEPT = 1000
"""Calls of one function that stay as `failed`; the oldest give way."""


@dataclass(frozen=True, slots=True)
class Call:
    """A row of `function_calls` that is due."""

    id: int
    name: str
    request: str
    payload: bytes
    created: int
    tries: int
    delays: int


Keep = Callable[[FunctionSpec, str, bytes], None]
"""Writes what was given up under `errors` of the function: (specification, its name, the record)."""


def enqueue(db: apsw.Connection, function: str, payload: bytes, request_id: str | None = None) -> str:
    """Add a call, in the caller's transaction; its request id. `wake` the queue once that is committed."""
    request = request_id or str(uuid.uuid4())
    now = now_us()
    db.execute(
        "INSERT INTO function_calls(function, request, payload, created, due) VALUES (?, ?, ?, ?, ?)",
        (function, request, payload, now, now),
    )
    return request


class Queue:
    """Makes the calls, between `start` and `stop`."""

    def __init__(self, catalog: Catalog, invoker: Invoker, keep: Keep) -> None:
        catalog.write(lambda db: void(db.execute(DDL)))
        self._catalog = catalog
        self._invoker = invoker
        self._keep = keep
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._flying: set[int] = set()
        self._pool = ThreadPoolExecutor(THREADS, "call")
        self._thread = threading.Thread(target=self._run, name="calls", daemon=True)

    def start(self) -> None:
        """Begin to call."""
        self._thread.start()

    def stop(self) -> None:
        """Call no more; what is under way is made again after the next start if it does not end at once."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def join(self) -> None:
        """Wait for what is under way (its workers are closed by now, so that it ends)."""
        self._pool.shutdown(wait=True)

    def put(self, function: str, payload: bytes, request_id: str | None = None) -> Future[str]:
        """Add a call; its request id, once it is on disk."""
        future = self._catalog.submit(lambda db: enqueue(db, function, payload, request_id), soon=True)
        future.add_done_callback(lambda _: self._wake.set())
        return future

    def wake(self) -> None:
        """Calls were added."""
        self._wake.set()

    def status(self) -> dict[str, dict[str, int]]:
        """Per function, how many calls wait and how many were given up."""
        found: dict[str, dict[str, int]] = {}
        rows: Any = self._catalog.reader.execute(
            "SELECT function, state, count(*) FROM function_calls GROUP BY function, state"
        )
        for function, state, count in rows:
            found.setdefault(function, {})[state] = count
        return found

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(POLL)
            self._wake.clear()
            try:
                self._begin()
            except Exception:
                log.exception("calls of functions could not be made; trying again")
                self._stopping.wait(1.0)

    def _begin(self) -> None:
        """Hand to threads what is due, of each function as much as it can take."""
        db = self._catalog.reader
        now = now_us()
        names: Any = db.execute(
            "SELECT DISTINCT function FROM function_calls WHERE state = 'waiting' AND due <= ?", (now,)
        ).fetchall()
        for (name,) in names:
            known = self._invoker.spec(name) is not None
            spare = self._invoker.spare(name) if known else 1
            if not spare:
                continue
            with self._lock:
                flying = list(self._flying)
            rows: Any = db.execute(
                "SELECT id, request, payload, created, tries, delays FROM function_calls"
                " WHERE state = 'waiting' AND function = ? AND due <= ?"
                " AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY due, id LIMIT ?",
                (name, now, json.dumps(flying), spare),
            ).fetchall()
            for row in rows:
                with self._lock:
                    self._flying.add(row[0])
                self._pool.submit(self._one, Call(row[0], name, *row[1:]))

    def _one(self, call: Call) -> None:
        try:
            self._make(call)
        except Exception:
            if not self._stopping.is_set():
                log.exception("a call of functions.%s could not be ended", call.name)
        finally:
            with self._lock:
                self._flying.discard(call.id)
            self._wake.set()

    def _make(self, call: Call) -> None:
        spec = self._invoker.spec(call.name) or FunctionSpec(handler="")
        try:
            result = self._invoker.invoke(call.name, call.payload, request_id=call.request)
        except NotFound as error:
            if not self._stopping.is_set():  # else it is only that none is there any more
                self._end(call, None, None, failed=error.message)
        except ForebayError as error:
            if self._stopping.is_set():
                return
            wait = min(FIRST * 2**call.delays, BACKOFF_MOST)
            too_old = now_us() + int(wait * SECOND) > call.created + int(spec.max_age * SECOND)
            if too_old or error.status == 400:
                self._give_up(call, spec, _record(call, "EventAgeExceeded", None), error.message)
            else:
                self._later(call, wait, error.message, delays=1)
        else:
            if result.error is None:
                self._end(call, spec.on_success, _record(call, "Success", result))
            elif call.tries < spec.retries:
                self._later(call, FIRST * 2**call.tries, result.reason(), tries=1)
            else:
                self._give_up(call, spec, _record(call, "RetriesExhausted", result), result.reason())

    def _later(self, call: Call, wait: float, reason: str, *, tries: int = 0, delays: int = 0) -> None:
        due = now_us() + int(wait * SECOND)
        row = (due, call.tries + tries, call.delays + delays, reason, call.id)
        self._catalog.write(
            lambda db: void(
                db.execute(
                    "UPDATE function_calls SET due = ?, tries = ?, delays = ?, reason = ? WHERE id = ?", row
                )
            )
        )

    def _give_up(self, call: Call, spec: FunctionSpec, record: Mapping[str, Any], reason: str) -> None:
        log.warning("a call of functions.%s is given up: %s", call.name, reason)
        if spec.errors is not None:
            self._keep(spec, call.name, json.dumps(record).encode())
        told = spec.on_failure is not None or spec.errors is not None
        self._end(call, spec.on_failure, record, failed=None if told else reason)

    def _end(
        self, call: Call, told: Ref | None, record: Mapping[str, Any] | None, *, failed: str | None = None
    ) -> None:
        """Take the row away, or mark it as failed, and tell the destination in the same commit."""

        def work(db: apsw.Connection) -> None:
            if failed is None:
                db.execute("DELETE FROM function_calls WHERE id = ?", (call.id,))
            else:
                db.execute(
                    "UPDATE function_calls SET state = 'failed', reason = ? WHERE id = ?", (failed, call.id)
                )
                db.execute(
                    "DELETE FROM function_calls WHERE state = 'failed' AND function = ?1 AND id NOT IN"
                    " (SELECT id FROM function_calls WHERE state = 'failed' AND function = ?1"
                    f"  ORDER BY id DESC LIMIT {KEPT})",
                    (call.name,),
                )
            if told is not None and record is not None:
                enqueue(db, told.name, json.dumps(record).encode())

        self._catalog.write(work)


def _record(call: Call, condition: str, result: Result | None) -> dict[str, Any]:
    """What a destination is told: AWS's "invocation record" of asynchronous invocation."""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": iso(now_us())[:23] + "Z",
        "requestContext": {
            "requestId": call.request,
            "functionArn": arn("lambda", f"function:{call.name}:$LATEST"),
            "condition": condition,
            "approximateInvokeCount": call.tries + 1,
        },
        "requestPayload": _json(call.payload),
    }
    if result is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if result.error is not None:
            record["responseContext"]["functionError"] = result.error
        record["responsePayload"] = _json(result.payload)
    return record


def _json(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode("utf-8", "replace")


def void(_: object) -> None:
    """Let a result go."""
