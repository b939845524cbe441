"""The fenced blocks of a page, and a shell that runs what they show with a real system."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.repo.repository import ROOT

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
PROGRAMS = Path(sys.executable).parent
PATIENCE = 60.0


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, text, and the page's line it begins at."""

    language: str
    text: str
    line: int


def blocks(page: str) -> Iterator[Block]:
    """Every fenced block of a page of the repository."""
    text = (ROOT / page).read_text()
    for match in FENCE.finditer(text):
        yield Block(match[1], match[2], text.count("\n", 0, match.start()) + 1)


@dataclass(frozen=True)
class Step:
    """A command (the text behind `$ `) and the output lines that the page shows below it."""

    command: str
    shown: list[str]
    line: int


def steps(page: str) -> list[Step]:
    """What a page's `console` blocks do, in order. A command goes on over lines that end in a backslash."""
    found: list[Step] = []
    for block in blocks(page):
        if block.language != "console":
            continue
        going_on = False
        for number, line in enumerate(block.text.splitlines(), block.line + 1):
            if going_on:
                found[-1] = Step(f"{found[-1].command}\n{line.removeprefix('> ')}", [], found[-1].line)
            elif line.startswith("$ "):
                found.append(Step(line[2:], [], number))
            else:
                found[-1].shown.append(line)
                continue
            going_on = line.endswith("\\")
    return found


def matches(shown: list[str], output: str) -> bool:
    """Whether the lines that a page shows occur in the output in this order; `…` stands for anything."""
    lines = iter(output.splitlines())
    for wanted in shown:
        pattern = re.compile(
            r"\s*".join(".*".join(map(re.escape, part.split("…"))) for part in wanted.split())
        )
        if not any(pattern.search(line.strip()) for line in lines):
            return False
    return True


@dataclass
class Shell:
    """Runs a page's commands one after the other. `forebay run` goes to the background, at free ports."""

    cwd: Path
    home: Path
    system: subprocess.Popen[bytes] | None = None
    urls: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Of each command."""
        kept = {
            name: os.environ[name] for name in ("LANG", "TMPDIR", "XDG_RUNTIME_DIR") if name in os.environ
        }
        return {**kept, "PATH": f"{PROGRAMS}:{os.defpath}", "HOME": str(self.home)}

    def run(self, command: str) -> str:
        """The command's output. Fails the test if it exits with anything but 0, or what it says (`# exits 1`)."""
        if command.startswith("cd "):
            self.cwd = self.cwd / command[3:].strip()
            assert self.cwd.is_dir(), command
            return ""
        if re.match(r"forebay run\b", command):
            self.start(command)
            return ""
        for door, port in (("ingest", 8000), ("console", 8080), ("aws", 4566)):
            if door in self.urls:
                command = command.replace(f"http://127.0.0.1:{port}", self.urls[door])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command.split("  #", 1)[0]],
            cwd=self.cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        expected = int(told[1]) if (told := re.search(r"  # exits (\d)", command)) else 0
        assert done.returncode == expected, f"$ {command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def start(self, command: str) -> None:
        """`forebay run` in the background, until it answers."""
        words = command.split("#", maxsplit=1)[0].split()
        ports = [word for door in ("ingest", "aws", "console") for word in (f"--{door}-port", "0")]
        self.system = subprocess.Popen(
            [PROGRAMS / words[0], *words[1:], *ports],
            cwd=self.cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=(self.home / "run.log").open("wb"),
            stderr=subprocess.STDOUT,
        )
        folder = next((word for word in words[2:] if not word.startswith("-")), ".")
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.system.poll() is None:
            asked = subprocess.run(
                [PROGRAMS / "forebay", "status", "--json"],
                cwd=self.cwd / folder,
                env=self.environment,
                capture_output=True,
                check=False,
            )
            if asked.returncode == 0:
                self.urls = json.loads(asked.stdout)["urls"]
                return
            time.sleep(0.1)
        raise AssertionError((self.home / "run.log").read_text())

    def stop(self) -> None:
        """End the system."""
        if self.system is not None and self.system.poll() is None:
            self.system.terminate()
            self.system.wait(PATIENCE)


def example(name: str, to: Path) -> Path:
    """A copy of an example's files without any state."""
    shutil.copytree(ROOT / "examples" / name, to, ignore=shutil.ignore_patterns(".forebay", "__pycache__"))
    return to
