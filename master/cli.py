"""The `master` command: the control plane, and what makes clusters, nodes and images."""

from kube.commands import Row, group

main = group(
    {
        "run": Row("master.commands:run", "Run the control plane on this machine."),
        "up": Row("provisioning.up:up", "Raise a whole cluster on this machine."),
        "down": Row("provisioning.down:down", "Take the cluster on this machine down."),
        "virtual": Row("provisioning.virtual.commands:virtual", "Make nodes of namespaces, one by one."),
        "vm": Row("provisioning.vms.commands:vm", "Make virtual machines, flashed and booted like boards."),
        "flash": Row("provisioning.flashing.commands:flash", "Write an image onto cards, for boards of this cluster."),
        "discover": Row("provisioning.discovering:discover", "List the boards that announce themselves."),
        "join": Row("provisioning.commands:join", "Make a board a node of this cluster."),
        "image": Row("provisioning.images.commands:image", "Build images, and put them on the nodes."),
        "backup": Row("master.backups.commands:backup", "Write the whole cluster to one file."),
        "restore": Row("master.backups.commands:restore_command", "Bring a cluster back from its backup."),
        "doctor": Row("master.doctoring:doctor", "Name what is wrong with this cluster, and the fix."),
        "ui": Row("master.ui.commands:ui", "Print where the page is, and a token to sign in with."),
        "why": Row("master.explaining:why", "Say of each node why a pod is not there, or how well it would be."),
    },
    "master",
    "wherry's master: a Kubernetes control plane for boards.",
)
