"""Containers through CRI over gRPC.  The only room that knows containerd."""
