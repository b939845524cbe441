"""The command line: one command a file, named after it."""

from __future__ import annotations

from importlib import import_module

import click

# Name → module. A command's module is imported only when it is asked for: `forebay --help` stays quick.
COMMANDS: dict[str, str] = {}


class Lazy(click.Group):
    """A group whose commands live in `forebay.cli.<module>` as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `COMMANDS`, which is the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module now."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(COMMANDS[cmd_name]).command
        return found


@click.group(cls=Lazy)
@click.version_option(package_name="forebay")
def main() -> None:
    """Send events. See them in SQL and on a live dashboard within a second. Lose none."""
