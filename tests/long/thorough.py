"""A pytest plugin (-p tests.long.thorough): every property is tried with TIMES as many examples as in the unit tier."""

from hypothesis import settings

TIMES = 10


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("hypothesis"):
            # hypothesis keeps a test's settings here; it has no public way to change those of a decorated test.
            found = item.obj._hypothesis_internal_use_settings
            item.obj._hypothesis_internal_use_settings = settings(found, max_examples=TIMES * found.max_examples)
