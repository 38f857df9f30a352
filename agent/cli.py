"""The `agent` command: what runs on every node."""

from kube.commands import Row, group

main = group(
    {
        "run": Row("agent.commands:run", "Run this machine as a node."),
        "dns": Row("agent.commands:dns", "Answer the cluster's names on this node."),
        "announce": Row("agent.commands:announce", "Say by mDNS that this board is here."),
        "code": Row("agent.commands:code", "Show the code that tells this board from another."),
        "enrol": Row("agent.commands:enrol", "Make this node's keys and print its certificate requests."),
        "clean": Row("agent.commands:clean", "Take this node's pods, rules and routes away."),
        "net": Row("agent.netting:net", "Show what this node does with a Service."),
        "doctor": Row("agent.doctoring:doctor", "Name what is wrong with this machine, and the fix."),
    },
    "agent",
    "wherry's agent: what runs on every node.",
)
