"""Every verb that changes something, one after the other, on a project with a run of every kind from two hosts."""

from __future__ import annotations

from pathlib import Path

from support import wait_until
from two_hosts import TwoHosts, made_two_hosts


def _states(hosts: TwoHosts) -> dict[str, str]:
    """How the latest run of each version is, by `model:version`."""
    runs = reversed(hosts.json("runs", "-n", "100"))
    return {f"{run['model']}:{run['version']}": run["mark"] or run["outcome"] or run["state"] for run in runs}


def _said(hosts: TwoHosts, *arguments: str, host: str = "box1") -> str:
    done = hosts.run(*arguments, host=host)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_what_steers_does_what_it_says_and_the_daemon_follows(tmp_path: Path):
    with made_two_hosts(tmp_path) as hosts:
        models = hosts.project.root / "models.toml"
        before = models.read_text()

        # The queue, as a person would edit it.
        assert "digits:wide@lr=0.5" in _said(hosts, "queue", "add", "digits:wide", "--set", "lr=0.5")
        assert '{ script = "digits.py", versions = ["wide"], set = { lr = 0.5 } },' in models.read_text()
        assert "slow:next" in _said(hosts, "queue", "hold", "slow:next")
        wait_until(lambda: "slow:next" in [held["what"] for held in hosts.json("status")["daemon"]["held"]])
        _said(hosts, "queue", "up", "crash", "--first")
        assert models.read_text().index("crash.py") < models.read_text().index("digits.py")
        _said(hosts, "queue", "down", "crash", "--last")
        _said(hosts, "queue", "rm", "digits:wide@lr=0.5")
        _said(hosts, "queue", "rm", "crash")
        _said(hosts, "queue", "hold", "--off", "slow:next")
        after = models.read_text()
        assert sorted(after.split()) == sorted(before.replace('    "crash.py",\n', "").split())
        assert after.index("# on purpose") > after.index("broken.py")

        # What runs, asked for from the other host, too.
        _said(hosts, "pause", "slow:running", host="box2")
        wait_until(lambda: _states(hosts)["slow:running"] == "paused")
        _said(hosts, "resume", "slow:running")
        wait_until(lambda: _states(hosts)["slow:running"] == "running")
        _said(hosts, "release", "broken")
        wait_until(lambda: "broken:d" not in [held["what"] for held in hosts.json("status")["daemon"]["held"]])
        _said(hosts, "retry", "crash:exit")
        wait_until(lambda: _states(hosts)["crash:exit"] == "waiting")
        _said(hosts, "stop", "slow:running")
        wait_until(lambda: _states(hosts)["slow:running"] == "stopped")

        # What is done and old enough goes; what runs, or is to be resumed, stays.
        hosts.project.kill_everything()
        _said(hosts, "gc", "--older-than", "0s", "--yes")
        left = {path.name for path in (hosts.project.outputs / "model_ckpts").iterdir()}
        assert {"slow-running", "slow-stopped", "slow-lost", "crash-exit"} <= left
        assert not {"digits-wide", "digits-deep"} & left
        assert _states(hosts)["digits:wide"] == "succeeded"

        # And a project beside it.
        _said(hosts, "init", str(tmp_path / "new"))
        assert (tmp_path / "new" / "mlp.toml").is_file()
