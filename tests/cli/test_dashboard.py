"""``pbtune dashboard`` before it serves: whom it lets in, and where its token comes from."""

import socket

import click
import pytest
from click.testing import CliRunner

from pbtune.cli import main
from pbtune.cli.dashboard import kept_token

TOKEN = "a" * 43


def refused(*args):
    """What the command says where it doesn't start."""
    result = CliRunner().invoke(main, ["dashboard", *map(str, args)])
    assert result.exit_code in {1, 2}, result.output
    return result.output


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_other_machines_are_let_in_only_by_who_says_so(tmp_path, host):
    assert "--i-know" in refused(tmp_path, "--host", host)


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}" in refused(tmp_path, "--port", port)


def test_a_kept_token_is_made_once_and_for_its_owner_alone(tmp_path):
    path = tmp_path / "token"
    assert kept_token(path, TOKEN) == TOKEN
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_token(path, "b" * 43) == TOKEN


def test_a_token_that_others_can_read_or_guess_is_refused(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o644)
    with pytest.raises(click.ClickException, match="chmod 600"):
        kept_token(path, TOKEN)
    path.write_text("secret")
    path.chmod(0o600)
    with pytest.raises(click.ClickException, match="holds no token"):
        kept_token(path, TOKEN)
    link = tmp_path / "link"
    path.write_text(TOKEN)
    link.symlink_to(path)
    with pytest.raises(click.ClickException, match="can't be read"):
        kept_token(link, TOKEN)
    with pytest.raises(click.ClickException, match="can't be written"):
        kept_token(tmp_path / "nowhere" / "token", TOKEN)
