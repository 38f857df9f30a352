"""Random requests to a real etcd, and to etcd's API served over the store over another one: the same answers."""

# ruff: noqa: F401 (what is imported is collected)
from tests.system.store.test_same_as_etcd import etcd, ours, test_same_answers
