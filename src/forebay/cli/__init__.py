"""The command line: one command a file, named after it.

This package's own import is kept free of click: the processes of a running system live in it too
(`forebay.cli.process`), and they start on every `forebay run`.
"""

from __future__ import annotations

# Name → module, in the order in which one meets them. A command's module is imported only when it is
# asked for, so `forebay --help` stays quick; each has its click command as `command`.
COMMANDS: dict[str, str] = {
    "init": "forebay.cli.init",
    "check": "forebay.cli.check",
    "install": "forebay.cli.install",
    "run": "forebay.cli.run",
    "stop": "forebay.cli.stop",
    "test": "forebay.cli.test",
    "send": "forebay.cli.send",
    "simulate": "forebay.cli.simulate",
    "query": "forebay.cli.query",
    "tail": "forebay.cli.tail",
    "status": "forebay.cli.status",
    "flush": "forebay.cli.flush",
    "replay": "forebay.cli.replay",
    "snapshot": "forebay.cli.snapshot",
    "reset": "forebay.cli.reset",
    "keys": "forebay.cli.keys",
    "connect": "forebay.cli.connect",
}


def main() -> None:
    """The `forebay` script."""
    from forebay.cli.app import main as run  # noqa: PLC0415 - see above: click only for the command line

    run()
