"""The three kinds of transform: what forebay adds to the user's code, in events a second.

    python -m benchmarks.functions [EVENTS]

`bare` is the same function in a loop in this process, with the same decoding and encoding and no
worker: the ratio is what the process boundary and its bounds cost.
"""

from __future__ import annotations

import base64
import json
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from forebay.functions.transforms import WorkerTransform, open_transform
from forebay.ports import Origin

HANDLERS = {
    "plain": "def f(event):\n    return event\n",
    "lambda_json": """
        import base64, json

        def f(event, context):
            output = []
            for record in event['records']:
                payload = json.loads(base64.b64decode(record['data']))
                data = base64.b64encode((json.dumps(payload) + '\\n').encode()).decode()
                output.append({'recordId': record['recordId'], 'result': 'Ok', 'data': data})
            return {'records': output}
    """,
    "lambda_orjson": """
        import base64, orjson

        def f(event, context):
            output = []
            for record in event['records']:
                payload = orjson.loads(base64.b64decode(record['data']))
                data = base64.b64encode(orjson.dumps(payload) + b'\\n')
                output.append({'recordId': record['recordId'], 'result': 'Ok', 'data': data})
            return {'records': output}
    """,
    "lambda_nothing": """
        def f(event, context):
            for record in event['records']:
                record['result'] = 'Ok'
            return event
    """,
}
SQL = "SELECT element_clicked, time_spent * 2 AS twice, created_at FROM events WHERE time_spent > 10"


@dataclass(frozen=True)
class Spec:
    kind: str
    handler: str | None = None
    sql: str | None = None
    function: None = None
    timeout: float = 60.0
    memory: int = 512 << 20
    environment: dict[str, str] = None  # type: ignore[assignment]


def clicks(n: int) -> list[bytes]:
    """About 300 bytes each."""
    return [
        orjson.dumps(
            {
                "event_id": f"{i:032x}",
                "element_clicked": f"entree_{i % 9}",
                "time_spent": i % 100,
                "source_menu": "restaurant_name",
                "created_at": "2022-09-11 23:00:00",
                "session": {"id": f"{i % 977:016x}", "page": i % 7, "language": "en"},
                "price": i * 0.25,
                "note": "x" * 60,
            }
        )
        for i in range(n)
    ]


def rate(n: int, work: Callable[[], Any]) -> float:
    work()
    best = 0.0
    for _ in range(3):
        began = time.perf_counter()
        work()
        best = max(best, n / (time.perf_counter() - began))
    return best


def identity(event: Any) -> Any:
    return event


def bare_plain(records: list[bytes]) -> Any:
    return [orjson.dumps(identity(event)) for event in map(orjson.loads, records)]


def bare_json(records: list[bytes]) -> Any:
    return [
        base64.b64decode(
            base64.b64encode((json.dumps(json.loads(base64.b64decode(base64.b64encode(r)))) + "\n").encode())
        )
        for r in records
    ]


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    records = clicks(n)
    origins = [Origin("delivery.clicks", 0, i, 1_700_000_000_000_000) for i in range(n)]
    print(f"{n} events of {sum(map(len, records)) // n} bytes")
    bare = {"plain": rate(n, lambda: bare_plain(records)), "lambda_json": rate(n, lambda: bare_json(records))}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        specs = {name: Spec("function" if name == "plain" else "lambda", name) for name in HANDLERS}
        specs["sql"] = Spec("sql", sql=SQL)
        for name, spec in specs.items():
            if name in HANDLERS:
                (root / f"{name}.py").write_text(textwrap.dedent(HANDLERS[name]))
                handler = f"{name}.py:f" if name == "plain" else f"{name}.f"
                spec = Spec(spec.kind, handler)  # noqa: PLW2901
            transform = opened(spec, root)
            began = time.perf_counter()
            transform.apply(records[:1], origins[:1])
            first = time.perf_counter() - began
            got = rate(n, lambda t=transform: t.apply(records, origins))  # type: ignore[misc]
            transform.close()
            ratio = f"  {got / bare[name]:5.2f} x bare" if name in bare else ""
            print(
                f"{name:15} {got:>9,.0f}/s  {1e6 / got:6.2f} us{ratio}   first event after {first * 1000:.0f} ms"
            )


def opened(spec: Spec, root: Path) -> WorkerTransform:
    return open_transform(
        Spec(spec.kind, spec.handler, spec.sql, environment={}),
        {},
        name="bench",
        root=root,
        log_dir=root / "logs",
        secrets=str,
        watch=False,
        environment={},
    )


if __name__ == "__main__":
    main()
