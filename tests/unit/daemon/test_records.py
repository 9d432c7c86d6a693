"""What the daemon writes of a run: nothing that the log has already."""

from __future__ import annotations

from types import SimpleNamespace

from mlpipeline.daemon.records import Records
from mlpipeline.history.host_log import HostLog


def test_lines_that_the_run_has_logged_itself_are_not_logged_again(tmp_path):
    log = HostLog(tmp_path / "log-box", lambda: "2026-11-20 21:34")
    log.write("net:v stage load cached", run="a1f3")
    records = SimpleNamespace(_log=log)
    output = "net:v stage load cached\nnet:v stage train begins\n\nprinted"
    assert Records.not_logged(records, output, "a1f3") == "net:v stage train begins\n\nprinted"
    assert Records.not_logged(records, "net:v stage load cached", "a1f3") == ""
