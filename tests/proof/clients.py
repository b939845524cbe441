"""Running other people's clients against a system, with the settings that `forebay connect` prints."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from tests.harness import System
from tests.proof.environments import made

PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = 600.0


def settings(system: System, tool: str) -> str:
    """What `forebay connect TOOL` prints."""
    said = system.cli("connect", tool)
    assert said.code == 0, said
    return said.out


def environment(system: System, tool: str = "awscli") -> dict[str, str]:
    """This process's environment without anything of AWS in it, and the exports of `forebay connect TOOL`."""
    exports = dict(re.findall(r"^export (\w+)=(.*)$", settings(system, tool), re.M))
    assert exports["AWS_ENDPOINT_URL"] == system.urls["aws"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**plain, **nowhere, **{name: shlex.split(value)[0] for name, value in exports.items()}}


class Refused(Exception):
    """What the AWS CLI printed when it failed."""


class AwsCli:
    """The AWS CLI: `aws("s3api", "list-buckets")` gives what it prints, read where it is JSON."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        self.folder = folder
        self._env = env
        self._program = made("awscli") / "bin" / "aws"

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Any:
        printed = self.bytes(*arguments, stdin=stdin).decode()
        try:
            return json.loads(printed)
        except ValueError:
            return printed

    def bytes(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What it prints. Raises Refused."""
        done = subprocess.run(
            [self._program, *arguments],
            cwd=self.folder,
            env=self._env,
            input=stdin,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        if done.returncode != 0:
            raise Refused(done.stderr.decode())
        return done.stdout


def checks(program: str) -> list[str]:
    """The names of a program's checks, in their order."""
    text = (PROGRAMS / program).read_text()
    found = re.findall(
        r"^  async (\w+)\(\) \{$" if program.endswith(".mjs") else r"^def (check_\w+)", text, re.M
    )
    assert len(found) > 2, program
    return found


class Outcomes:
    """What became of the checks of one program: one run of it in its environment, each check's end by name."""

    def __init__(self, program: str, where: str, env: dict[str, str], folder: Path) -> None:
        place = made(where)
        if program.endswith(".mjs"):
            # Node looks for packages from where a file lies.
            for source in PROGRAMS.glob("*.mjs"):
                (place / source.name).write_text(source.read_text())
            command = ["node", "--no-warnings", str(place / "runner.mjs"), str(place / program)]
        else:
            python = str(place / "bin" / "python")
            command = [python, "-P", "-W", "ignore", str(PROGRAMS / "runner.py"), str(PROGRAMS / program)]
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        self.errors = done.stderr
        self.ends: dict[str, dict[str, Any]] = {}
        for line in done.stdout.splitlines():
            if line.startswith('{"check"'):
                end = json.loads(line)
                self.ends[end["check"]] = end

    def holds(self, check: str) -> None:
        """Fail, as the check did."""
        end = self.ends.get(check)
        assert end is not None, f"{check} did not end\n{self.errors[-4000:]}"
        assert end["failed"] is None, end["failed"]
