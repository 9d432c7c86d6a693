"""What a run costs, start to end: a whole launch, and one more run in the middle of it."""

from __future__ import annotations

from benchmarks.figures import Measured, Target
from benchmarks.projects import Loop, Project, model_script, moment
from benchmarks.workbench import Workbench

_LOOP = "`python train.py` in a shell loop"

TRIVIAL = Target(
    name="trivial",
    what="200 versions of a trivial model, whole launch, per run",
    unit="ms",
    baseline=_LOOP,
    limit=0.35,
)
FRESH = Target(
    name="fresh",
    what="50 versions of it with fresh processes (`warm = false`), whole launch, per run",
    unit="ms",
    baseline=_LOOP,
    limit=1.5,
)
TORCH = Target(
    name="torch-steady",
    what="20 small steps with torch, per run in steady state",
    unit="ms",
    baseline=_LOOP,
    limit=0.05,
    needs=("torch",),
)
TORCH_LAUNCH = Target(
    name="torch-launch",
    what="20 versions of it, whole launch with learning, per run",
    unit="ms",
    baseline=_LOOP,
    limit=0.2,
    needs=("torch",),
)
FRAMES = Target(
    name="frames",
    what="the same with scikit-learn and pandas, whole launch, per run",
    unit="ms",
    baseline=_LOOP,
    limit=0.3,
    needs=("sklearn", "pandas"),
)


def trivial(bench: Workbench) -> dict[Target, Measured]:
    """Measure many runs that do next to nothing."""
    count = bench.size(200, 10)
    launches = _Launches(bench, "trivial", count=count, loop_count=count)
    return {TRIVIAL: launches.whole(bench.size(5, 1))}


def fresh(bench: Workbench) -> dict[Target, Measured]:
    """Measure the same with a process for each that starts from nothing."""
    count = bench.size(50, 3)
    launches = _Launches(bench, "trivial", count=count, loop_count=count, is_warm=False)
    return {FRESH: launches.whole(bench.size(5, 1))}


def torch(bench: Workbench) -> dict[Target, Measured]:
    """Measure runs that import torch."""
    launches = _Launches(bench, "steps", count=bench.size(20, 3), loop_count=bench.size(5, 1))
    whole = launches.whole(bench.size(3, 1))
    return {TORCH_LAUNCH: whole, TORCH: launches.steady(whole)}


def frames(bench: Workbench) -> dict[Target, Measured]:
    """Measure runs that import scikit-learn and pandas."""
    launches = _Launches(bench, "frames", count=bench.size(20, 3), loop_count=bench.size(5, 1))
    return {FRAMES: launches.whole(bench.size(3, 1))}


class _Launches:
    """Launches of one model, each in a project of its own, beside shell loops of the same."""

    def __init__(self, bench: Workbench, script: str, *, count: int, loop_count: int, is_warm: bool = True) -> None:
        self._bench = bench
        self._script = script
        self._count = count
        self._loop_count = loop_count
        self._is_warm = is_warm
        self._name = f"{script}-{'warm' if is_warm else 'fresh'}"
        self._steady_ms: dict[int, float] = {}

    def whole(self, repeats: int) -> Measured:
        """Return what a run costs when the whole launch is shared among all of them."""
        loop = Loop(self._bench, f"{self._name}-loop", self._script)
        if not self._bench.is_quick:
            self._bench.say("once for nothing: files are read from the disk")
            loop.seconds(1, -1)
        pairs = self._bench.pairs(
            repeats,
            self._launch_ms,
            lambda number: loop.seconds(self._loop_count, number) / self._loop_count * 1000,
        )
        beside = f"{self._count} versions a launch, {self._loop_count} rounds a loop"
        return Measured(figures=[ours for ours, _ in pairs], baselines=[theirs for _, theirs in pairs], beside=beside)

    def steady(self, whole: Measured) -> Measured:
        """Return what one more run costs late in the launches that were measured."""
        beside = f"from one `ended` to the next in the second half of {self._count} runs"
        figures = [self._steady_ms[number] for number in sorted(self._steady_ms)]
        return Measured(figures=figures, baselines=whole.baselines, beside=beside)

    def _launch_ms(self, number: int) -> float:
        project = Project(self._bench, f"{self._name}-{number}", is_warm=self._is_warm)
        project.write_script("model.py", model_script(self._script, self._count))
        project.save_queue("model.py")
        took = project.launch()
        project.check_succeeded(self._count)
        moments = [moment(event) for event in project.events("ended")]
        late = moments[self._count // 2 - 1 :]
        self._steady_ms[number] = (late[-1] - late[0]) / (len(late) - 1) * 1000
        return took / self._count * 1000
