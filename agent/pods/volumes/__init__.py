"""What a pod's containers find mounted.

`payloads` (pure) turns ConfigMaps, Secrets, tokens and the pod's own fields into files; `publishing` swaps a whole set of
files for another at once; `mounting` makes and unmakes each kind of volume; `subpaths` opens a path beneath a volume without
leaving it; `mounts` (pure) lists what one container gets.  A volume the node does not do is refused by name.
"""
