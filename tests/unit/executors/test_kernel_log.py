from __future__ import annotations

import pytest

from mlpipeline.executors.kernel_log import OomKill, kill_in

# As Linux 6.18 writes them, and 4.14.
CGROUP = (
    b"3,1542,35055851216,-;Memory cgroup out of memory: Killed process 3990 (python) total-vm:116468kB, "
    b"anon-rss:103800kB, file-rss:6412kB, shmem-rss:0kB, UID:0 pgtables:272kB oom_score_adj:500\n SUBSYSTEM=memory\n"
)
MACHINE = b"3,1543,35055851217,-;Out of memory: Killed process 17 (py (odd) thon) total-vm:116468kB\n"
OLDER = b"3,1544,35055851218,-;Killed process 4711 (python) total-vm:116468kB, anon-rss:103800kB\n"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (CGROUP, OomKill(pid=3990, is_of_cgroup=True)),
        (MACHINE, OomKill(pid=17, is_of_cgroup=False)),
        (OLDER, OomKill(pid=4711, is_of_cgroup=False)),
        (b"6,1545,35055851219,-;oom_reaper: reaped process 3990 (python), now anon-rss:0kB\n", None),
        (b"4,1546,1,-;python invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=500\n", None),
        (b"5,0,0,-;Linux version 6.18\n", None),
        (b"", None),
    ],
)
def test_a_record_of_the_log_names_whom_the_kernel_killed(record, expected):
    assert kill_in(record) == expected
