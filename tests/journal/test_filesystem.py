import pytest

from pbtune.journal.filesystem import network_filesystem

TABLE = """\
22 1 253:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / {root}/net rw - nfs4 server:/x rw
31 30 0:41 / {root}/net/fast rw - ext4 /dev/vdb rw
32 22 0:42 / {root}/with\\040blank rw - lustre x rw
"""


@pytest.fixture
def mounts(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text(TABLE.format(root=tmp_path))
    return table


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("net/runs", "nfs4"),
        ("net/fast/runs", None),
        ("local", None),
        ("with blank/runs", "lustre"),
        ("network", None),
    ],
)
def test_the_nearest_mount_says_whether_a_folder_is_on_a_network(tmp_path, mounts, folder, kind):
    path = tmp_path / folder
    path.mkdir(parents=True)
    assert network_filesystem(path, mounts) == kind


def test_without_a_table_of_mounts_a_folder_is_taken_for_local(tmp_path):
    assert network_filesystem(tmp_path, tmp_path / "absent") is None
