"""The program `dalang`: its commands, and its exit codes.

Exit codes: 0 fine; 1 findings, differences or bad lines; 2 wrong usage or input that cannot be used; 130 after Ctrl-C. The exit
codes of `dalang worker` are in `engine/runtime/worker.py`.
"""

import sys
from typing import Final

import typer

from engine.cli import check, command, deploy, dev, explain, history, replay, schema, state, topics, worker
from engine.core import errors

app: Final = typer.Typer(
    name="dalang",
    help="Customer journeys as code: check them, replay them over history, run them on Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(check.check)
app.command()(replay.replay)
app.command()(explain.explain)
app.command()(worker.worker)
app.command()(dev.dev)
app.command()(deploy.deploy)
app.command()(command.command)
app.add_typer(topics.app, name="topics", help="Create and check the topics.")
app.add_typer(history.app, name="history", help="Copy a log to a file or back, and list dead letters.")
app.add_typer(state.app, name="state", help="Rebuild or check the states of customers.")
app.add_typer(
    schema.app,
    name="schema",
    help="Write, check or print what is made from the code: schemas, reference, findings, settings, rights.",
)


def main() -> None:
    """Run the command line; print an error of Dalang as a sentence on standard error, without a traceback, and exit with 2."""
    try:
        app()
    except errors.DalangError as exc:
        sys.stderr.write(f"dalang: {exc}\n")
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads the pipe any more, and Python would report that a second time when it ends
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
