"""Which endpoints of a Service take its traffic on this node: readiness, traffic policies and topology hints.

Sources: EndpointSlice conditions and hints (discovery.k8s.io/v1), Service traffic policies; KEP-1669 (endpoints that end
serve while none is ready), KEP-2433 and KEP-3015 (hints count only where every ready endpoint has one).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.services import Endpoint, Service


def anywhere(service: Service, node: str, zone: str) -> tuple[Endpoint, ...]:
    """The endpoints for traffic that may go to any node: those meant for this node or zone, else all."""
    ready = service.ready()
    if not ready:
        return service.ending()
    for hinted in (_meant(ready, lambda e: e.for_nodes, node), _meant(ready, lambda e: e.for_zones, zone)):
        if hinted:
            return hinted
    return ready


def here(service: Service, node: str) -> tuple[Endpoint, ...]:
    """The endpoints for traffic that must stay on this node."""
    ready = tuple(e for e in service.ready() if e.node == node)
    return ready or tuple(e for e in service.ending() if e.node == node)


def _meant(ready: Iterable[Endpoint], hints: Callable[[Endpoint], tuple[str, ...]], place: str) -> tuple[Endpoint, ...]:
    """The endpoints whose hints name the place; none where an endpoint has no hint."""
    if not place or not all(hints(endpoint) for endpoint in ready):
        return ()
    return tuple(endpoint for endpoint in ready if place in hints(endpoint))
