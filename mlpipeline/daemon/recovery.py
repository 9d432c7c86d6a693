"""Taking over what a dead daemon left: adopting what lives, revoking what never began, giving back what is over."""

from __future__ import annotations

from pathlib import Path

from mlpipeline.daemon.active import Active
from mlpipeline.daemon.ended import Ended, give_back, write_results
from mlpipeline.daemon.limits import Limits
from mlpipeline.daemon.records import Records
from mlpipeline.daemon.reporter import Reporter
from mlpipeline.daemon.retrying import Retries
from mlpipeline.domain.conditions import Conditions
from mlpipeline.domain.runs import Run
from mlpipeline.executors.executor import Executor, attempt_id
from mlpipeline.executors.local import handle_of
from mlpipeline.executors.oom_kills import OomKills
from mlpipeline.executors.processes import ProcessId, booted_at
from mlpipeline.executors.sweeping import sweep
from mlpipeline.history import claims
from mlpipeline.project.files import read_json
from mlpipeline.project.paths import Outputs, RunDir
from mlpipeline.project.result_file import read_result
from mlpipeline.project.revocation import revoke
from mlpipeline.project.spec_file import read_spec


def take_over(
    run: Run, outputs: Outputs, records: Records, executor: Executor, retries: Retries, oom_kills: OomKills
) -> Active | None:
    """Return a run that an earlier daemon of this host left open, to be watched like any other.

    A run whose worker never said that it was there is revoked: a worker that comes late loses the race for
    `worker.json` and leaves. Such a run is withdrawn or, where it was not its first attempt, waits for the next; then
    None is returned.

    Raises:
        OSError: something could not be written; it may be tried again.
    """
    run_dir = outputs.run_dir(run.name)
    attempt = run_dir.attempt(run.attempt)
    if run.id in retries:
        return None  # Taken up before there was trouble.
    if revoke(attempt):
        if run.past and run.is_stop_asked:
            retries.stop(run, "as was asked before the daemon died")
            return None
        if run.past:
            retries.take_up(run)
            return None
        records.note({"event": "withdrawn", "run": run.id, "why": "the daemon died before its worker began"})
        claims.release(outputs.claim(run.model_dir), run.id)
        records.log(f"{run.key} had not begun when the daemon died: withdrawn", run.id)
        return None
    process = ProcessId.from_json(read_json(attempt.worker))
    if process is not None:
        handle = handle_of(process, run.id)
    else:
        # Somebody took the attempt, and who that is cannot be read, or not yet.
        handle = executor.find(attempt_id(run.id, run.attempt)) or run.handle or handle_of(None, run.id)
    spec = read_spec(run_dir)
    conditions = spec.conditions if spec is not None else Conditions()
    limits = Limits(conditions, run_dir, run.attempt)
    # Of what ended while no daemon was there, nobody knows what had been killed before.
    oom_watch = oom_kills.watch(process.pid) if process is not None and process.is_alive() else None
    return Active(
        run_id=run.id, attempt=attempt, handle=handle, conditions=conditions, limits=limits, oom_watch=oom_watch
    )


def settle_claims(outputs: Outputs, records: Records, reporter: Reporter) -> None:
    """Give back the model dirs that dead daemons of this host left claimed, for runs that are over or never began.

    So are those whose claims a power cut left empty: whose they were cannot be known.

    Raises:
        OSError: something could not be written; it may be tried again.
    """
    claims.remove_empty(outputs.claims, booted_at())
    for path, claim in claims.of_host(outputs.claims, outputs.host):
        run = records.ledger.get(claim.run)
        if run is not None and run.outcome is not None:
            # The daemon died between the end of the run and its last words on it.
            attempt = outputs.run_dir(run.name).attempt(run.attempt)
            write_results(Ended(run=run, result=read_result(attempt), is_new=False), records, reporter)
            give_back(run, outputs)
        elif is_abandoned(claim, outputs.host, records):
            claims.release(path, claim.run)


def is_abandoned(claim: claims.Claim, host: str, records: Records) -> bool:
    """Return whether a claim can be taken over: it is this host's, and its run is over, or will never begin."""
    if claim.host != host:
        return False
    run = records.ledger.get(claim.run)
    if run is not None:
        return not run.is_open
    # No history knows the run: its daemon died before it was selected, or did not record.
    run_dir = RunDir(path=Path(claim.run_dir))
    if not run_dir.spec.exists():
        return True
    attempt = run_dir.attempt(1)
    revoke(attempt)
    worker = ProcessId.from_json(read_json(attempt.worker))
    if worker is not None and worker.is_alive():
        return False
    # Nobody watched it, so nobody has cleared away what it left behind.
    sweep(None, claim.run)
    return True
