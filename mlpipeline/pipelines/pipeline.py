"""A model that is a graph of stages."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mlpipeline.authoring.versions import Versions, checked_versions
from mlpipeline.domain.words import named
from mlpipeline.errors import PipelineError, VersionsError
from mlpipeline.pipelines.asked import forced_stages, sorted_out
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.default_folder import default_cache_folder
from mlpipeline.pipelines.definitions import StageDefinition, defined, marked_stages
from mlpipeline.pipelines.edges import Edge
from mlpipeline.pipelines.execution import Execution
from mlpipeline.pipelines.fitted import Fitted, FittedState
from mlpipeline.pipelines.live_artifacts import LiveArtifact
from mlpipeline.pipelines.plan import Plan, artifact_handed_in
from mlpipeline.pipelines.watching import SILENT, Watcher
from mlpipeline.pipelines.wiring import Purpose, Wiring

if TYPE_CHECKING:
    from mlpipeline.authoring.run import Run
    from mlpipeline.authoring.version import Version
    from mlpipeline.domain.changes import Further

#: How many stages it is called by.
_STAGES_NAMED = 8


class Pipeline:
    """A model made of stages, each run only if what it makes is not there already.

        Pipeline().run("accuracy")
        MODEL = Pipeline(versions=versions)

    Where stages learn, `fit` has them do so, `run` uses what they learned, and `fit_run` does both:

        pipeline.fit()
        pipeline.run({"test_input": new_data}, "model")

    Args:
        stages: in a list, or by name; without them, those that the calling module has, when they are first needed.
        edges: stage -> its parents, by name: one, several in the order of its arguments, or by argument. A stage
            without an edge takes the artifacts that its arguments are called as.
        versions: what to train in a queue; their parameters reach the constructors, by their names or as
            `<stage>.<parameter>`.
        parameters: likewise, for all that this pipeline runs.
        cache: the folder of what stages made; without it that of the project, else `.mlp-cache` beside the script.
    """

    def __init__(
        self,
        stages: Mapping[str, Any] | Iterable[Any] | None = None,
        edges: Mapping[str, Edge] | None = None,
        *,
        versions: Versions | None = None,
        parameters: Mapping[str, Any] | None = None,
        cache: str | Path | None = None,
    ) -> None:
        caller = sys._getframe(1).f_globals
        self._namespace = caller
        # What can be gone through only once, such as a generator, would be empty the second time.
        self._given_stages = list(stages) if isinstance(stages, Iterator) else stages
        if self._given_stages is not None:
            defined(self._given_stages)  # What is none is refused where it is given.
        self._given_edges = edges
        self._parameters = dict(parameters or {})
        self.versions = None if versions is None else checked_versions(versions, "Pipeline")
        if not isinstance(cache, str | Path | None):
            raise PipelineError(
                f"cache is the folder of the cache, and not {cache!r}. A stage of which nothing is to be kept says so "
                "itself: @stage(cache=False)."
            )
        self._cache_folder = None if cache is None else Path(cache).absolute()
        self._script = caller.get("__file__")
        #: What the stages have learned; put here whole, so that each thread that runs sees all of one or of another.
        self._fitted: Fitted | None = None
        self._is_loaded = False
        self._is_settled = False
        #: Without parameters; of one that is settled.
        self._wiring: Wiring | None = None
        #: What it was loaded from, as far as its paths lead there.
        self._unpacked: object = None

    def __repr__(self) -> str:
        try:
            names = list(self.wired({}).stages)
        except PipelineError:
            # What is wrong with it is said where it is used.
            return f"<{type(self).__name__} whose stages do not fit together>"
        fitted = "fitted" if self._fitted is not None else "not fitted"
        return f"<{type(self).__name__} of {named(names, _STAGES_NAMED)}; {fitted}>"

    def stages(self) -> Mapping[str, Any] | Iterable[Any] | None:
        """The stages; a subclass may say them here."""
        return self._given_stages

    def edges(self) -> Mapping[str, Edge]:
        """The edges; a subclass may say them here."""
        return self._given_edges or {}

    def fit(
        self,
        inputs: Mapping[str, Any] | None = None,
        outputs: str | Sequence[str] | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        force: str | Collection[str] = (),
    ) -> Self:
        """Have the stages learn, and return the pipeline, which keeps what they learned until it is fitted again.

        Args:
            inputs: what is handed in: an `Input`, or any artifact instead of its maker, by name.
            outputs: stages or artifacts; only what these need learns. All that can, without it.
            parameters: beside, or instead of, those of the pipeline.
            force: stages that run also where what they make is in the cache.

        Raises:
            PipelineError: the stages do not fit together, or something is not handed in.
        """
        self._fitted, _, _ = self._trained(inputs, outputs, parameters, force, only_states=True)
        return self

    def fit_run(
        self,
        inputs: Mapping[str, Any] | str | Sequence[str] | None = None,
        outputs: str | Sequence[str] | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        force: str | Collection[str] = (),
    ) -> Any:
        """Have the stages learn, as `fit`, and return what they make of what they learned from, as `run`.

        Primary stages take their training parent for both.
        """
        inputs, outputs = sorted_out(inputs, outputs)
        self._fitted, execution, plan = self._trained(inputs, outputs, parameters, force)
        return _returned(execution, plan, outputs)

    def run(
        self,
        inputs: Mapping[str, Any] | str | Sequence[str] | None = None,
        outputs: str | Sequence[str] | None = None,
        *,
        force: str | Collection[str] = (),
    ) -> Any:
        """Run what is needed for `outputs`, stages or artifacts, with what the stages have learned, and return it.

        Of one name its value, of several a dict; of a stage with several artifacts a dict of those. Without
        `outputs`, all that no other stage takes and that can be had of what is handed in. `run("accuracy")` is
        short for `run(outputs="accuracy")`. Nothing that depends on what is handed in is kept in the cache. Several
        threads may call this at the same time.

        Args:
            inputs: what is handed in: an `Input`, or any artifact instead of its maker, by name; as it is, be it
                one record or a table.
            outputs: what to return.
            force: stages that run also where what they make is in the cache.

        Raises:
            PipelineError: the stages do not fit together, something is not handed in, or a stage has not learned.
        """
        inputs, outputs = sorted_out(inputs, outputs)
        self._check_not_loading()
        fitted = self._fitted or Fitted(self.wired({}), {})
        forced = forced_stages(fitted.wiring, force)
        asked = None if outputs is None else (outputs,) if isinstance(outputs, str) else tuple(outputs)
        execution, plan = fitted.run(inputs or {}, asked, partial(self._cache, None), forced)
        return _returned(execution, plan, outputs)

    @property
    def states(self) -> dict[str, Any]:
        """What the stages have learned: stage -> its attributes by name, or what its `__getstate__` said; a copy."""
        return {} if self._fitted is None else {name: state.copy() for name, state in self._fitted.states.items()}

    def save(self, path: str | Path) -> None:
        """Write the fitted pipeline to one file, which `load` reads in another process and environment.

        It is a zip of the sources of the modules that the stages use, what they have learned, their parameters, and
        which packages they need. What was at `path` is replaced.

        Raises:
            PipelineError: a stage has not been fitted, or cannot be stored.
            ArchiveError: the file cannot be written.
        """
        from mlpipeline.pipelines.archive import save

        save(self._fitted or Fitted(self.wired({}), {}), Path(path))

    @staticmethod
    def load(path: str | Path, *, trust: bool = False) -> Pipeline:
        """The pipeline that was saved to `path`: it has no cache, and writes nothing.

        **Loading runs the sources in the archive**, as importing them would, with `trust` or without: load only what
        comes from somebody whose code you would run. Their modules are private to the archive; a project that has
        modules of the same names keeps its own.

        Args:
            path: of the archive.
            trust: whether pickles in it are loaded, too.

        Raises:
            ArchiveError: it is no archive, or a package that it needs is not installed.
            NotTrusted: it holds pickles, and `trust` is false.
        """
        from mlpipeline.pipelines.archive import load

        contents = load(Path(path), trust=trust)
        pipeline = Pipeline(contents.stages, contents.edges, parameters=contents.parameters)
        pipeline._is_loaded = True
        pipeline._unpacked = contents.folder
        pipeline._fitted = Fitted(pipeline.wired({}), contents.states)
        return pipeline

    def execute(
        self,
        outputs: str | Sequence[str] | None = None,
        *,
        inputs: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        cache: Path | None = None,
        watcher: Watcher = SILENT,
        run: Run | None = None,
        force: str | Collection[str] = (),
    ) -> tuple[Execution, list[str]]:
        """As `fit_run`, for the queue and the command line, which show how it goes: the pipeline stays as it was.

        Return what holds all that was made, and the names of the artifacts asked for.
        """
        execution, plan = self._carried_out(
            self.wired(parameters or {}), inputs, outputs, cache, watcher=watcher, run=run, force=force
        )
        return execution, list(plan.outputs)

    def _trained(
        self,
        inputs: Mapping[str, Any] | None,
        outputs: str | Sequence[str] | None,
        parameters: Mapping[str, Any] | None,
        force: str | Collection[str],
        *,
        only_states: bool = False,
    ) -> tuple[Fitted, Execution, Plan]:
        wiring = self.wired(parameters or {})
        execution, plan = self._carried_out(wiring, inputs or {}, outputs, force=force, only_states=only_states)
        live = {stage: execution.artifacts.get(state) for stage, state in wiring.states.items()}
        states = {stage: FittedState(one.value(), one.digest) for stage, one in live.items() if one is not None}
        return Fitted(wiring, states), execution, plan

    def _carried_out(
        self,
        wiring: Wiring,
        inputs: Mapping[str, Any],
        outputs: str | Sequence[str] | None,
        cache: Path | None = None,
        *,
        watcher: Watcher = SILENT,
        run: Run | None = None,
        force: str | Collection[str] = (),
        only_states: bool = False,
    ) -> tuple[Execution, Plan]:
        self._check_not_loading()
        forced = forced_stages(wiring, force)
        artifacts = {name: artifact_handed_in(wiring, name) for name in inputs}
        asked = [outputs] if isinstance(outputs, str) else outputs
        plan = Plan.of(wiring, Purpose.TRAINING, artifacts.values(), asked, only_states=only_states)
        kept = self._cache(cache)
        live = {artifacts[name]: LiveArtifact.given(value, kept) for name, value in inputs.items()}
        execution = Execution(cache=kept, watcher=watcher, artifacts=live, run=run, force=forced)
        execution.run(plan.calls)
        return execution, plan

    def _check_not_loading(self) -> None:
        """See that this is no script in an archive that is being loaded, which would train anew."""
        spec = self._namespace.get("__spec__")
        if getattr(getattr(spec, "loader", None), "is_running", False):
            raise PipelineError(
                f"{self._script}: this script runs a pipeline when it is imported, so it cannot be loaded. "
                'Put that below `if __name__ == "__main__":` and save the pipeline again.'
            )

    def wired(self, parameters: Mapping[str, Any]) -> Wiring:
        """The stages, wired up, with these parameters beside its own.

        Raises:
            PipelineError: they do not fit together.
        """
        if not self._is_settled:
            return self._wired({**self._parameters, **parameters})
        self._wiring = self._wiring or self._wired({})
        return self._wiring.with_parameters({**self._parameters, **parameters})

    def __mlpipeline_parts__(self) -> tuple[Any, ...]:
        """What decides what it makes, all of which counts as code of a stage that uses this pipeline."""
        found, _ = self._defined()
        stages = [(stage.name, stage.target) for stage in found]
        states = {} if self._fitted is None else {name: state.value for name, state in self._fitted.states.items()}
        of_subclass = {name: value for name, value in vars(self).items() if name not in _OF_EVERY_PIPELINE}
        return stages, self.edges(), self._parameters, states, of_subclass

    def settled(self) -> Self:
        """This pipeline as it is when it is first asked: who asks of many versions has it wired up once."""
        made = copy(self)
        made._is_settled = True
        return made

    def in_module(self, namespace: dict[str, Any]) -> Self:
        """This pipeline as if a module had made it: its stages and its cache are that module's, unless it says others.

        Args:
            namespace: the names of the module, `vars(module)`.
        """
        made = copy(self)
        made._namespace, made._script = namespace, namespace.get("__file__")
        return made

    def _wired(self, parameters: Mapping[str, Any]) -> Wiring:
        found, are_given = self._defined()
        if not found:
            where = f"{Path(self._script).name} has" if self._script and not are_given else "the pipeline has"
            raise PipelineError(
                f"{where} no stages. Mark classes or functions of the module with @stage, or give them: "
                "Pipeline(stages=[…])."
            )
        return Wiring(found, self.edges(), parameters)

    def _defined(self) -> tuple[list[StageDefinition], bool]:
        """Return the stages, and whether they are given; else they are those of the module."""
        stages = self.stages()
        return (marked_stages(self._namespace), False) if stages is None else (defined(stages), True)

    @property
    def cache_folder(self) -> Path:
        """Where what its stages make is kept."""
        return self._cache_folder or default_cache_folder(self._script)

    def _cache(self, folder: Path | None) -> Cache | None:
        return None if self._is_loaded else Cache(folder or self.cache_folder)

    def check_version(self, version: Version) -> None:
        """See that a version's parameters reach the stages, and that these fit together.

        Raises:
            VersionsError: they do not.
        """
        try:
            Plan.of(self.wired(version.own_parameters()), Purpose.TRAINING)
        except PipelineError as error:
            raise VersionsError(f'version "{version.name}": {error}') from error

    def further_parameters(self, version: Version) -> Further:
        """What the queue may change in a version beside its own parameters.

        Raises:
            PipelineError: these do not reach the stages.
        """
        parameters = version.own_parameters()
        return self.wired(parameters).further_parameters(parameters)


#: The attributes that are not those of a subclass: each is there from the beginning, or it would count as one of those.
_OF_EVERY_PIPELINE = frozenset(vars(Pipeline(())))


def _returned(execution: Execution, plan: Plan, outputs: str | Sequence[str] | None) -> Any:
    values = {name: execution.artifacts[name].value() for name in plan.outputs}
    is_one = len(values) == 1 and (outputs is None or isinstance(outputs, str))
    return next(iter(values.values())) if is_one else values
