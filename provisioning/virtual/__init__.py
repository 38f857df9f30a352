"""Virtual nodes: machines made of namespaces, on one bridge a cluster, to join like boards.

A virtual node has mount, UTS, PID, IPC, network and cgroup namespaces of its own, an overlay over the host's /, private
/run, /tmp and /dev, its own machine-id, host key and sshd, a folder on the real disk for containerd, and a cgroup whose
limits are its capacity.  Its PID 1 is the supervisor; killing that is pulling its plug.  It has neither systemd nor the
right to lower OOM scores.  Not isolated: kernel modules, clock, kernel-wide sysctls, inotify limits.

Belongs here: making, starting, killing and removing such nodes and their bridge.  Does not: joining them, or anything
that treats them otherwise than as machines reached by SSH.
"""
