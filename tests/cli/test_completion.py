"""Words that a shell completes, as it asks for them."""

import pytest
from click.testing import CliRunner

from pbtune.cli import main


def offered(words, storage, at=None):
    """What bash is offered after ``words``, the last of which is being typed."""
    env = {
        "_PBTUNE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1 if at is None else at),
        "PBTUNE_STORAGE": str(storage),
    }
    result = CliRunner().invoke(main, prog_name="pbtune", env=env)
    return [line.partition(",")[2] for line in result.output.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(call, shell):
    result = call("completion", shell)
    assert result.exit_code == 0
    assert "_PBTUNE_COMPLETE" in result.output
    assert f"{shell}_complete" in result.output


def test_a_shell_that_is_not_known_is_a_usage_error(call):
    assert call("completion", "tcsh").exit_code == 2


def test_verbs_runs_and_kinds_are_completed(storage):
    assert offered(["pbtune", "pl"], storage) == ["plot"]
    assert offered(["pbtune", "show", "cl"], storage)[:1] == ["climb"]
    assert "lineage" in offered(["pbtune", "plot", "climb", "--kind", "li"], storage)
    assert offered(["pbtune", "clean", "climb", "fa"], storage)[:1] == ["fail"]
