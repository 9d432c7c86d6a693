import pytest
from click.testing import CliRunner

from mlpipeline.cli.main import command
from mlpipeline.cli.verbs import Verbs


def test_every_verb_is_there_under_its_name_and_helps_with_an_example():
    assert isinstance(command, Verbs)
    context = command.make_context("mlpipeline", ["status"])
    for name in command.list_commands(context):
        verb = command.get_command(context, name)
        assert verb.name == name
        assert "Example" in verb.help, name


@pytest.mark.parametrize(("typed", "meant"), [("statsu", ' Did you mean "status"?'), ("frobnicate", "")])
def test_a_verb_that_is_none_is_told_with_the_nearest(typed, meant):
    done = CliRunner().invoke(command, [typed])
    assert done.exit_code == 2
    assert done.output.endswith(f'there is no verb "{typed}".{meant}\n')
