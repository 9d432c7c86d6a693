from dataclasses import replace

from runs import FAILED, SUCCEEDED

from mlpipeline.domain.comparing import FileChange, rows
from mlpipeline.history.environments import Environment
from mlpipeline.views.compare import Comparison, compare_screen
from mlpipeline.views.observed import ObservedRun
from mlpipeline.views.screens import PLAIN, Screen
from mlpipeline.views.tables import display_width

OTHER = replace(SUCCEEDED, id="4y4y4y", parameters={"lr": 0.2, "seen": 1}, results={"accuracy": 0.98})


def compared(*runs, **changed):
    environments = [Environment(python="3.11.7 (main)", packages={"torch": "2.4", "numpy": "2"}) for _ in runs]
    found = Comparison(
        runs=[ObservedRun(run=run) for run in runs],
        environments=environments,
        parameters=rows([run.parameters for run in runs]),
        results=rows([run.results for run in runs]),
        packages=rows([environment.packages for environment in environments]),
        files=[],
        diff=[],
    )
    return replace(found, **changed)


def test_what_differs_comes_first_the_best_is_marked_and_what_is_the_same_is_folded():
    first = replace(SUCCEEDED, parameters={"lr": 0.1, "seen": 1, "\x1b[31m": 0})
    screen = compare_screen(compared(first, OTHER), PLAIN)
    lines = [" ".join(line.split()) for line in screen.splitlines()]
    assert lines[0] == "7k2m9q 4y4y4y"
    assert lines.index("lr 0.1 0.2") < lines.index("1 parameter is the same: seen=1")
    assert "accuracy 0.97 0.98 *" in lines
    assert "[31m 0 –" in lines
    assert "2 packages are the same" in lines
    assert lines[-1] == "code: the same"
    assert "\x1b" not in screen


def test_the_diff_of_two_is_shown_in_colours_and_of_more_which_files_differ():
    diff = ["--- a/net.py", "+++ b/net.py", "@@ -1 +1 @@", "-\tx\x1b[2J", "+y"]
    screen = compare_screen(compared(SUCCEEDED, OTHER, files=None, diff=diff), Screen(is_colored=True))
    assert "cannot be compared" in screen
    change = FileChange(path="net.py", contents=[0, 1])
    screen = compare_screen(compared(SUCCEEDED, OTHER, files=[change], diff=diff), Screen(is_colored=True))
    assert "\x1b[31m-       x [2J\x1b[0m\n\x1b[32m+y\x1b[0m" in screen
    change = FileChange(path="net.py", contents=[0, 1, None])
    screen = compare_screen(compared(SUCCEEDED, OTHER, FAILED, files=[change]), PLAIN)
    assert screen.splitlines()[-1].split() == ["net.py", "A", "B", "–"]


def test_many_runs_fit_a_narrow_terminal():
    runs = [replace(OTHER, id=f"{index}" * 6, parameters={"lr": index}) for index in range(7)]
    screen = compare_screen(compared(*runs), Screen(width=40))
    assert max(map(display_width, screen.splitlines())) <= 40


def test_a_narrow_terminal_tears_no_names_of_what_is_the_same():
    alike = {"optimizer": {"name": "adam", "momentum": 0.9}, "layers": 3}
    runs = [replace(OTHER, id=f"{index}" * 6, parameters={"lr": index, **alike}) for index in range(2)]
    screen = compare_screen(compared(*runs, files=None), Screen(width=40))
    assert max(map(display_width, screen.splitlines())) <= 40
    assert "\n3 parameters are the same:\noptimizer.name=adam,\noptimizer.momentum=0.9, layers=3\n" in screen
