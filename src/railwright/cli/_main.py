"""The entry point: lazy verbs, and one place where errors become messages and exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from railwright import __version__

# verb -> (module, attribute, one line of help). The help stands here so that `--help` imports
# no verb: start-up is a figure that users feel and that benchmarks hold.
VERBS = {
    "init": ("_init", "init", "Write a system.yaml by asking few questions."),
    "lint": ("_lint", "lint", "Report every problem with file, line, column and mend."),
    "subject": ("_subject", "subject", "Print the subject digest and its parts."),
    "gate": ("_gate", "gate", "Plan, explain and A/A-test release gates."),
    "check": ("_check", "check", "Test a system, decide, sign the facts, show the result."),
    "eval": ("_eval", "evaluate", "Run any file of cases against a target."),
    "guard": ("_guard", "guard", "Check texts at run time; test and calibrate the policy."),
    "ledger": ("_ledger", "ledger", "Verify and look into the evidence ledger."),
    "suite": ("_suite", "suite", "List suites and pin their content digests."),
    "schema": ("_schema", "schema", "Print or write the JSON Schemas of files and outputs."),
}


class LazyGroup(click.Group):
    """A group that imports a verb's module only when that verb is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order of the work."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one verb."""
        if cmd_name not in VERBS:
            return None
        module, attribute, _ = VERBS[cmd_name]
        command: click.Command = getattr(
            importlib.import_module(f"railwright.cli.{module}"), attribute
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in VERBS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="railwright")
def cli() -> None:
    """Tell whether an AI system is fit to ship, and prove it.

    Exit codes: 0 pass, 1 a gate fails, 2 usage or configuration, 3 inconclusive, 4 integrity.
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line; never end in a traceback for a fault the user can mend."""
    try:
        result: Any = cli.main(args=argv, prog_name="railwright", standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was acknowledged is saved", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not a fault of the run.
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        from railwright.cli._errors import exit_for

        code = exit_for(error)
        if code is None:
            raise
        sys.exit(code)
    sys.exit(result if isinstance(result, int) else 0)
