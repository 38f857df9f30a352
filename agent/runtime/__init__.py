"""Containers through CRI over gRPC.  The only room that knows containerd.

`words` are the plain data the agent speaks in, `contract.Runtime` is the narrow seam the pods room works against,
`client.Containerd` is that seam over containerd's socket: `encoding` turns words into CRI's messages and `decoding` turns
them back, so that no protobuf leaves this folder.  `events` tells of a container's end the moment it happens, `importing`
brings in an image archive, `configuration` is the text of containerd's own config file.
Nothing here knows what a Pod is.
"""
