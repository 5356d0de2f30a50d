"""The command line. Each command is a few lines around a job that can be called from Python as well.

Exit codes: 0 done, 1 failed (one line on standard error says why), 2 usage.
"""

import os
import sys

# A busy machine loses most of its time to OpenMP threads that spin while they wait; set before LightGBM loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import typer
from rich.markup import escape

from veraison.cli import (
    access,
    audit,
    backtest,
    costs,
    data,
    demo,
    features,
    links,
    models,
    monitor,
    qualify,
    report,
    rights,
    routes,
    scores,
    service,
    subscriptions,
    tune,
    versions,
)
from veraison.cli.common import errors
from veraison.errors import VeraisonError

app = typer.Typer(
    name="veraison",
    help="How mature is this lead, why, and when will it be ready?",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    demo,
    data,
    audit,
    models,
    backtest,
    tune,
    versions,
    scores,
    features,
    monitor,
    report,
    costs,
    routes,
    qualify,
    service,
    rights,
    access,
    links,
    subscriptions,
):
    module.register(app)


def main() -> None:
    """Run the command line; a mistake of the user's is one line, never a stack trace."""
    try:
        app()
    except VeraisonError as mistake:
        errors.print(f"[bold red]error:[/] {escape(str(mistake))}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("stopped")
        sys.exit(130)
