"""``pbtune completion``: what a shell has to read to complete pbtune's words."""

import click
from click.shell_completion import get_completion_class

from pbtune.cli.runs import told

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
@told
def command(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete verbs, options and names of runs.

    \b
    eval "$(pbtune completion bash)"         in ~/.bashrc
    eval "$(pbtune completion zsh)"          in ~/.zshrc
    pbtune completion fish > ~/.config/fish/completions/pbtune.fish
    """  # noqa: D301  click reads the escape
    root = context.find_root().command
    found = get_completion_class(shell)
    if found is None:
        message = f"click has no completion for {shell}"
        raise click.ClickException(message)
    click.echo(found(root, {}, "pbtune", "_PBTUNE_COMPLETE").source())
