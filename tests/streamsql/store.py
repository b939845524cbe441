"""Asks Flink for the rows of shapes that have none in `rows.json`, or of those named: `python -m tests.streamsql.store`.

With `--questions` the same of the questions in `changing`. With `--live N` nothing is stored: N random cases of each are asked, and what differs here is printed.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.proof.environments import made
from tests.streamsql.cases import SHAPES, case
from tests.streamsql.changing import QUESTIONS, by_text, question, rows_here
from tests.streamsql.runner import in_order, ours

HERE = Path(__file__).parent
SEEDS = ((1, 60), (2, 60))


def ask(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [made("flink") / "bin" / "python", HERE / "flink_rows.py"],
        input=json.dumps(cases),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def store(names: list[str]) -> None:
    path = HERE / "rows.json"
    stored = json.loads(path.read_text())
    wanted = names or sorted(set(SHAPES) - {each["name"] for each in stored})
    keys = [(name, seed, count) for name in wanted for seed, count in SEEDS]
    answers = ask([case(*key) for key in keys])
    stored = [each for each in stored if each["name"] not in wanted]
    for (name, seed, count), answer in zip(keys, answers, strict=True):
        if "rows" not in answer:
            sys.exit(f"{name}: {answer['error']}")
        stored.append({"name": name, "seed": seed, "count": count, "rows": answer["rows"]})
    path.write_text("[\n" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in stored) + "\n]\n")


def store_questions(names: list[str]) -> None:
    path = HERE / "changing.json"
    stored = json.loads(path.read_text()) if path.exists() else []
    wanted = names or sorted(set(QUESTIONS) - {each["name"] for each in stored})
    stored = [each for each in stored if each["name"] not in wanted]
    keys = [(name, seed, count) for name in wanted for seed, count in SEEDS]
    for (name, seed, count), answer in zip(keys, ask([question(*key) for key in keys]), strict=True):
        if "rows" not in answer:
            sys.exit(f"{name}: {answer['error']}")
        rows = by_text([json.loads(row) for row in answer["rows"]])
        stored.append({"name": name, "seed": seed, "count": count, "rows": rows})
        if rows != rows_here(question(name, seed, count), 7):
            print(name, seed, rows, rows_here(question(name, seed, count), 7), sep="\n  ")  # noqa: T201
    path.write_text("[\n" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in stored) + "\n]\n")


def live(names: list[str], count: int) -> int:
    seed = random.SystemRandom().randrange(1 << 30)
    keys = [(name, seed + index, 120) for name in names or SHAPES for index in range(count)]
    wrong = 0
    mine = [ours(case(*key), 17) for key in keys]
    for key, answer, here in zip(keys, ask([case(*key) for key in keys]), mine, strict=True):
        if "rows" not in answer:
            wrong += 1
            print(key, answer["error"][-600:])  # noqa: T201 - it is what was asked for
            continue
        there = in_order(answer["rows"])
        if there != here:
            wrong += 1
            odd = [(a, b) for a, b in zip(there, here, strict=False) if a != b][:3]
            shown = [{k: (v, b.get(k)) for k, v in a.items() if v != b.get(k)} for a, b in odd]
            print(key, len(there), len(here), *shown, sep="\n  ")  # noqa: T201
    print(f"{len(keys)} cases, {wrong} differ")  # noqa: T201
    return wrong


if __name__ == "__main__":
    given = sys.argv[1:]
    if given[:1] == ["--questions"]:
        store_questions(given[1:])
        sys.exit()
    if given[:1] == ["--live"]:
        sys.exit(bool(live(given[2:], int(given[1]))))
    store(given)
