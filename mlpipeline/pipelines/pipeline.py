"""A model that is a graph of stages."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mlpipeline.authoring.versions import Versions, checked_versions
from mlpipeline.errors import PipelineError, VersionsError
from mlpipeline.pipelines.cache import Cache
from mlpipeline.pipelines.definitions import collected, defined
from mlpipeline.pipelines.edges import Edge
from mlpipeline.pipelines.execution import Execution
from mlpipeline.pipelines.place import default_cache_folder
from mlpipeline.pipelines.watching import SILENT, Watcher
from mlpipeline.pipelines.wiring import Purpose, Step, Wiring

if TYPE_CHECKING:
    from mlpipeline.authoring.run import Run
    from mlpipeline.authoring.version import Version
    from mlpipeline.domain.changes import Further


class Pipeline:
    """A model made of stages, each run only if what it makes is not there already.

        Pipeline().run("accuracy")
        MODEL = Pipeline(versions=versions)

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
        self._given_edges = edges
        self._parameters = dict(parameters or {})
        self.versions = None if versions is None else checked_versions(versions, "Pipeline")
        self._cache_folder = None if cache is None else Path(cache)
        self._script = caller.get("__file__")
        self._wirings: dict[str, Wiring] = {}

    @classmethod
    def of_script(cls, namespace: dict[str, Any]) -> Pipeline:
        """One that a script did not make itself: as if it had called this class without any arguments.

        Args:
            namespace: the names of the script's module, `vars(module)`.
        """
        # Its frame is the caller that the constructor looks for.
        made = eval("kind()", namespace, {"kind": cls})
        assert isinstance(made, Pipeline)
        return made

    def stages(self) -> Mapping[str, Any] | Iterable[Any] | None:
        """The stages; a subclass may say them here."""
        return self._given_stages

    def edges(self) -> Mapping[str, Edge]:
        """The edges; a subclass may say them here."""
        return self._given_edges or {}

    def run(
        self,
        inputs: Mapping[str, Any] | str | Sequence[str] | None = None,
        outputs: str | Sequence[str] | None = None,
        *,
        force: Collection[str] = (),
    ) -> Any:
        """Run what is needed for `outputs`, stages or artifacts, and return it.

        Of one name its value, of several a dict; of a stage with several artifacts a dict of those. Without
        `outputs`, all that no other stage takes. `run("accuracy")` is short for `run(outputs="accuracy")`.

        Raises:
            PipelineError: the stages do not fit together.
        """
        if isinstance(inputs, str) or (inputs is not None and not isinstance(inputs, Mapping)):
            inputs, outputs = None, cast("str | Sequence[str]", inputs)
        execution, names = self.execute(outputs, inputs=inputs or {}, force=force)
        values = {name: execution.held[name].value() for name in names}
        return next(iter(values.values())) if len(values) == 1 and not _is_several(outputs) else values

    def execute(
        self,
        outputs: str | Sequence[str] | None = None,
        *,
        inputs: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        cache: Path | None = None,
        watcher: Watcher = SILENT,
        run: Run | None = None,
        force: Collection[str] = (),
        purpose: Purpose = Purpose.TRAINING,
    ) -> tuple[Execution, list[str]]:
        """Run what is needed for `outputs`; return what holds it, and the names of the artifacts asked for."""
        wiring = self.wired(parameters or {})
        graph = wiring.graph(purpose, inputs)
        asked = [outputs] if isinstance(outputs, str) else outputs
        names = graph.leaves() if asked is None else [name for one in asked for name in wiring.artifacts_of(one)]
        execution = Execution(
            cache=Cache(cache or self.cache_folder), watcher=watcher, handed_in=inputs, run=run, force=force
        )
        execution.run(cast("list[Step]", graph.needed(names)))
        return execution, names

    def wired(self, parameters: Mapping[str, Any]) -> Wiring:
        """The stages, wired up, with these parameters beside its own.

        Raises:
            PipelineError: they do not fit together.
        """
        stages = self.stages()
        found = collected(self._namespace) if stages is None else defined(stages)
        if not found:
            where = f"{Path(self._script).name} has" if stages is None and self._script else "the pipeline has"
            raise PipelineError(
                f"{where} no stages. Mark classes or functions of the module with @stage, or give them: "
                "Pipeline(stages=[…])."
            )
        return Wiring(found, self.edges(), {**self._parameters, **parameters})

    @property
    def cache_folder(self) -> Path:
        """Where what its stages make is kept."""
        return self._cache_folder or default_cache_folder(self._script)

    def check_version(self, version: Version) -> None:
        """See that a version's parameters reach the stages, and that these fit together.

        Raises:
            VersionsError: they do not.
        """
        try:
            graph = self.wired(version.own_parameters()).graph(Purpose.TRAINING)
            graph.needed(graph.leaves())
        except PipelineError as error:
            raise VersionsError(f'version "{version.name}": {error}') from error

    def further_parameters(self, version: Version) -> Further:
        """What the queue may change in a version beside its own parameters.

        Raises:
            PipelineError: these do not reach the stages.
        """
        parameters = version.own_parameters()
        return self.wired(parameters).further_parameters(parameters)


def _is_several(outputs: str | Sequence[str] | None) -> bool:
    return outputs is not None and not isinstance(outputs, str)
