"""``psd completion``: what a shell needs to complete psd's commands and options.

::

    $ psd completion bash > ~/.local/share/bash-completion/completions/psd
    $ psd completion zsh > "${fpath[1]}/_psd"
    $ psd completion fish > ~/.config/fish/completions/psd.fish

The script asks psd itself, so it stays right when psd is upgraded.
"""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

VARIABLE = "_PSD_COMPLETE"

SHELLS: dict[str, type[ShellComplete]] = {
    "bash": BashComplete,
    "zsh": ZshComplete,
    "fish": FishComplete,
}


@click.command()
@click.argument("shell", type=click.Choice([*SHELLS]))
def completion(shell: str) -> None:
    """Print what completes commands in a shell.

    Put it where your shell looks for completions, or evaluate it: eval "$(psd completion bash)".
    """
    root = click.get_current_context().find_root().command
    # Click's own script for bash asks for the version of the shell that is found first, which is
    # not the one that will read this: 4.4 and later do.
    complete = SHELLS[shell](root, {}, "psd", VARIABLE)
    click.echo(complete.source_template % complete.source_vars())
