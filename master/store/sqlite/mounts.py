"""Whether a file lies on a network file system, where SQLite's locks and shared memory cannot be trusted."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

# https://sqlite.org/wal.html: all processes must be on one host; https://sqlite.org/howtocorrupt.html: locks of NFS
NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "afs", "lustre", "ocfs2"),
        *("fuse.glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone"),
    )
)


def network_filesystem(path: Path, mounts: str) -> str:
    """The type of the network file system that `path` lies on by /proc/self/mountinfo (proc(5)); empty for a local one."""
    kind = ""
    longest = -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4].encode().decode("unicode_escape")
        if len(point) >= longest and PurePosixPath(path).is_relative_to(point):
            kind, longest = after.split()[0], len(point)
    return kind if kind in NETWORK else ""
