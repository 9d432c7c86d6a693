import pytest

from mlpipeline.daemon.gpus import visible_ones

UUIDS = ["GPU-aa11", "GPU-aa22", "GPU-bb33"]


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        (None, {0, 1, 2}),
        ("", set()),
        ("0", {0}),
        ("2,0", {0, 2}),
        (" 1 , 2 ", {1, 2}),
        ("GPU-bb", {2}),
        ("GPU-aa11,GPU-bb33", {0, 2}),
        # As CUDA does: what follows an entry that names none, or more than one, is passed over.
        ("0,-1,1", {0}),
        ("0,3,1", {0}),
        ("2,GPU-aa,0", {2}),
        ("NoDevFiles", set()),
        ("MIG-1234,0", set()),
        ("²", set()),
    ],
)
def test_what_cuda_visible_devices_names(visible, indices):
    assert visible_ones(visible, UUIDS) == {UUIDS[index] for index in indices}
