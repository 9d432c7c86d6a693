"""Where memory is short, the kernel kills a run before the daemon that would tell of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from warm import WarmProject, script

LOOK = """
import pathlib, subprocess
(model_dir / "worker").write_text(pathlib.Path("/proc/self/oom_score_adj").read_text())
with (model_dir / "child").open("w") as child:
    subprocess.run(["cat", "/proc/self/oom_score_adj"], stdout=child)
(model_dir / "daemon").write_text(pathlib.Path(f"/proc/{os.environ['MLP_TEST_DAEMON']}/oom_score_adj").read_text())
"""


@pytest.mark.parametrize(("own", "expected"), [(0, 500), (700, 700)])
def test_a_run_and_what_it_starts_go_before_the_daemon(make_project, tmp_path, own: int, expected: int):
    warm = WarmProject(make_project, tmp_path)
    warm.write(script(LOOK, before="import os"))
    change = f"""
    import os, pathlib
    pathlib.Path("/proc/self/oom_score_adj").write_text("{own}")
    os.environ["MLP_TEST_DAEMON"] = str(os.getpid())
    """
    warm.run(change=change)
    assert warm.how("v0").startswith("fresh")
    assert warm.how("v1") == "warm"
    for version in ("v0", "v1"):
        model_dir = warm.project.outputs / "model_ckpts" / f"net-{version}"
        found = {name: int(Path(model_dir, name).read_text()) for name in ("worker", "child", "daemon")}
        assert found == {"worker": expected, "child": expected, "daemon": own}
