"""``pbtune dashboard``: the page, in a process of its own."""

import os
import stat
from pathlib import Path
from typing import Final

import click

from pbtune.cli.runs import storage_root, told

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_NICENESS: Final = 10


@click.command("dashboard")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--port", type=click.IntRange(1, 65535), help="Else 8799, or a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--i-know",
    is_flag=True,
    help="Listen on another host than this machine's loopback: what is sent isn't encrypted.",
)
@click.option(
    "--allow-host",
    multiple=True,
    metavar="NAME:PORT",
    help="Another name that browsers know this server by, as in localhost:9000 behind a tunnel.",
)
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the token in this file: made with mode 0600, or read if it is there.",
)
@told
def command(
    folder: Path | None,
    port: int | None,
    host: str,
    i_know: bool,  # noqa: FBT001  click's way
    allow_host: tuple[str, ...],
    token_file: Path | None,
) -> None:
    """Show the runs of FOLDER (the storage folder, or one run) in a browser, live.

    \b
    pbtune dashboard                     the runs in ./pbtune_results
    pbtune dashboard pbtune_results/mine one of them
    ssh -L 8799:localhost:8799 machine   then open the printed address here

    It reads the journals and changes nothing; training doesn't wait for it. The printed address
    holds a token: whoever has it can read the runs. Ctrl-C ends it.
    """  # noqa: D301  click reads the escape
    try:
        # An extra, and heavy.
        from pbtune.reporting.web import server as web  # noqa: PLC0415  an extra
        from pbtune.reporting.web.runs import Runs  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        message = f"the dashboard needs {error.name}: pip install 'pbtune[dashboard]'"
        raise click.ClickException(message) from error
    if host not in _LOOPBACK and not i_know:
        message = (
            f"--host {host} lets other machines in, over a connection that isn't encrypted. Better"
            f" forward the port with ssh -L; or add --i-know."
        )
        raise click.ClickException(message)
    root = storage_root(None) if folder is None else folder
    token = web.new_token() if token_file is None else kept_token(token_file, web.new_token())
    try:
        listener = web.listening("127.0.0.1" if host == "localhost" else host, port)
    except OSError as error:
        message = f"can't listen on {host}, port {port or 'any'}: {error.strerror}"
        raise click.ClickException(message) from error
    with listener:
        number: int = listener.getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        hosts = web.own_hosts(host, number, allow_host)
        app = web.application(Runs(root), token, hosts, f"pbtune_{number}")
        # Before anybody can ask: training comes first.
        if hasattr(os, "nice"):
            os.nice(_NICENESS)
        if host not in _LOOPBACK:
            click.echo(f"warning: other machines can reach {host}, unencrypted", err=True)
        click.echo(f"Runs of {root.absolute()}\nhttp://{shown}:{number}/#token={token}")
        web.server(app).run(sockets=[listener])


def kept_token(path: Path, new: str) -> str:
    """The token in a file, which is made if it isn't there.

    Raises:
        click.ClickException: If others may read the file, or it isn't the user's.
    """
    flags = getattr(os, "O_NOFOLLOW", 0)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | flags, 0o600)
    except FileExistsError:
        return _read_token(path, flags)
    except OSError as error:
        message = f"{path} can't be written: {error.strerror}"
        raise click.ClickException(message) from error
    with os.fdopen(fd, "w") as file:
        file.write(f"{new}\n")
    return new


def _read_token(path: Path, flags: int) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | flags)
    except OSError as error:
        message = f"{path} can't be read: {error.strerror}"
        raise click.ClickException(message) from error
    with os.fdopen(fd) as file:
        status = os.fstat(fd)
        if hasattr(os, "getuid") and (
            status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077
        ):
            message = f"{path} must be yours, and readable by you alone: chmod 600"
            raise click.ClickException(message)
        token = file.read(4096).strip()
    if len(token) < 32:  # noqa: PLR2004  characters that nobody guesses
        message = f"{path} holds no token: delete it, and a new one is made"
        raise click.ClickException(message)
    return token
