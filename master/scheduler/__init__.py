"""Where a pod goes: a pure function of the cluster's state, with reasons; and the thin loop that feeds it.

Belongs here: what the scheduler keeps of pods, nodes and storage (`pods`, `nodes`, `images`, `volumes`, `cluster`), what rules a
node out (`filters`; `rules`: `mounts`, `coupling`, `nominations`), what ranks it (`scores`, `rankings`), who would have to
go (`preemption`), the decision (`scheduling`), its words (`wording`), and what waits for something: `queue`, `running`
with what it writes (`outcomes`, `claiming`).  Does not: anything that knows the API server's inside; bindings and
statuses go through `kube.client` as anyone's do.
"""
