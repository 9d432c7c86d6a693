import pytest

from mlpipeline.daemon.mounts import silent_file_system

MOUNTS = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
40 27 0:50 / /home rw - nfs4 server:/home rw,vers=4.2
41 40 0:51 / /home/me/scratch rw - xfs /dev/sdb rw
42 27 0:52 / /mnt/my\\040disk rw - cifs //box/disk rw
43 27 0:53 / /mnt/cloud rw - fuse.rclone remote: rw
44 27 0:54 / /mnt/stick rw - fuseblk /dev/sdc1 rw
45 27 0:55 / /mnt/twice rw - nfs old:/ rw
46 27 0:56 / /mnt/twice rw - ext4 /dev/sdd rw
a line of a kernel to come
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/project", None),
        ("/", None),
        ("/home/me", "nfs4"),
        ("/home", "nfs4"),
        # Not below /home, though it begins so.
        ("/homes/me", None),
        ("/home/me/scratch/project", None),
        ("/mnt/my disk/project", "cifs"),
        ("/mnt/cloud/project", "fuse.rclone"),
        ("/mnt/stick/project", None),
        ("/mnt/twice/project", None),
    ],
)
def test_the_mount_that_a_folder_lies_in_says_whether_it_may_change_in_silence(folder, kind):
    assert silent_file_system(folder, MOUNTS) == kind


def test_where_nothing_is_known_of_mounts_nothing_is_silent():
    assert silent_file_system("/home/me", "") is None
