"""The `forebay` command: finds the commands, prints what they raise, and gives the exit code."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from forebay.cli import COMMANDS
from forebay.cli.errors import show
from forebay.errors import ForebayError


class Lazy(click.Group):
    """A group whose commands live in the modules that `COMMANDS` names, as `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `COMMANDS`, which is the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module now."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(COMMANDS[cmd_name]).command
        return found


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="forebay")
def commands() -> None:
    """Send events. See them in SQL and on a live dashboard within a second. Lose none."""


def main() -> None:
    """Run the command line. Exit codes: 0 ok, 1 failed, 2 usage, 3 no server, 4 data rejected."""
    as_json = "--json" in sys.argv[1:]
    try:
        code = commands.main(standalone_mode=False)
    except ForebayError as error:
        show(error, as_json=as_json)
        code = error.exit_code
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BrokenPipeError:  # `forebay tail | head`
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
