"""Desired and observed pods become steps: a literal state machine and a pure plan; probes, volumes, status.

Reading order.  `observed` is what is seen of a pod and `steps` what may be done about it; `machine` is the life of a pod as
a table; `planning.plan(pod, observed, now)` turns the one into the other and is pure, as are `restarts` (policies and
back-off), `statuses` and `conditions` (what the API is told), `sandboxes`, `containers`, `environment`, `security` and
`resources` (a spec into the runtime's words).  The effects are at the edge: `observing` asks the runtime, `applying` does
the steps, `worker` is the loop of one pod, `agent` owns the workers, `reporting` and `recording` write status and events.
`volumes` is the folder for what is mounted, `probing` for what is asked of a container.

Belongs here: everything a pod spec says.  Does not: the runtime's protocol (agent.runtime), the node (agent.node),
the HTTP server (agent.streams).
"""
