"""Where a pod goes: a pure function of the cluster's state, with reasons; and the thin loop that feeds it.

Belongs here: what the scheduler keeps of pods and nodes (`pods`, `nodes`, `cluster`), what rules a node out (`filters`,
`topology`), what ranks it (`scores`, `rankings`), the decision (`scheduling`), its words (`wording`), and the only part
that waits for anything (`queue`, `running`).  Does not: anything that knows the API server's inside; bindings and
statuses go through `kube.client` as anyone's do.
"""
