"""What the README shows is what its commands print."""

from __future__ import annotations

from readme import README, run, sample_project, shown_commands, without_what_varies


def test_the_commands_of_the_readme_print_what_it_shows(tmp_path):
    text = README.read_text()
    project = sample_project(tmp_path, text)
    commands = shown_commands(text)
    assert len(commands) >= 8
    for shown in commands:
        printed = without_what_varies(run(shown.command, project))
        assert printed == without_what_varies(shown.output), f"$ {shown.command}"
