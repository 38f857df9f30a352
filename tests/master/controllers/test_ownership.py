"""Garbage collection: what the graph knows and what it says about one object."""

import pytest

from master.controllers.objects import kind
from master.controllers.ownership import Delete, Graph, Item, Keep, Owner, State, plan

POD, SET = kind("v1", "Pod"), kind("apps/v1", "ReplicaSet")


def owner(uid: str, blocks: bool = True) -> Owner:
    return Owner(uid, "apps/v1", "ReplicaSet", uid, blocks)


def item(uid: str, *owners: Owner, namespace: str = "ns", **parts) -> Item:
    return Item(POD, (namespace, uid), uid, tuple(owners), **parts)


SOLID, WAITING, ABSENT = State.SOLID, State.WAITING, State.ABSENT
STAYS, WAITS = item("stays"), item("waits", deleting=True, finalizers=("foregroundDeletion",))


@pytest.mark.parametrize(
    ("states", "dependents", "finalizers", "expected"),
    [
        ([], [], (), Keep()),
        ([SOLID], [], (), Keep()),
        ([ABSENT], [], (), Delete("Background")),
        ([SOLID, ABSENT], [], (), Keep(("1",))),
        ([SOLID, WAITING], [], (), Keep(("1",))),
        ([WAITING], [], (), Delete("Background")),
        ([WAITING], [STAYS], (), Delete("Foreground")),
        ([WAITING], [STAYS, WAITS], (), Delete("Foreground", unblocks=True)),
        ([ABSENT], [STAYS], ("orphan",), Delete("Orphan")),
        ([ABSENT, ABSENT], [STAYS], ("foregroundDeletion",), Delete("Foreground")),
    ],
)
def test_an_object_goes_with_its_last_owner(states, dependents, finalizers, expected):
    owners = [owner(str(number)) for number in range(len(states))]
    subject = item("x", *owners, finalizers=finalizers)
    assert plan(subject, lambda one: states[int(one.uid)], dependents) == expected


def test_what_is_going_already_is_left_alone():
    assert plan(item("x", owner("0"), deleting=True), lambda _: ABSENT, []) == Keep()


def test_the_graph_follows_changes_of_owners():
    graph = Graph()
    graph.set(item("a", owner("o")))
    graph.set(item("b", owner("o", blocks=False)))
    assert {found.uid for found in graph.dependents("o")} == {"a", "b"}
    assert [found.uid for found in graph.blocking("o")] == ["a"]
    graph.set(item("a"))
    graph.remove("b")
    assert graph.dependents("o") == []


def test_an_owner_in_another_namespace_is_none():
    graph = Graph()
    graph.set(Item(SET, ("other", "o"), "o"))
    assert graph.find(owner("o"), "ns") is None
    assert graph.find(owner("o"), "other") is not None


def test_two_that_own_each_other_do_not_hang():
    graph = Graph()
    graph.set(item("a", owner("b")))
    graph.set(item("b", owner("a")))
    assert [found.uid for found in graph.dependents("a")] == ["b"]
    graph.remove("a")
    graph.remove("b")
    assert graph.items == {}
