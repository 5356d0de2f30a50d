"""The command that serves."""

from typing import Annotated

import typer

from veraison.cli.common import PlaybookOption, WorkspaceOption, place


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 3000,
    workspace: WorkspaceOption = None,
    playbook: PlaybookOption = None,
) -> None:
    """Start the API and the pages; stop them with Ctrl-C.

    Example: veraison serve --port 3000
    """
    from serving.service import serve as run_service

    where = place(workspace, playbook)
    run_service(where.workspace, where.playbook_path, host, port)
