"""The schemas: every served kind has one, and the generated file is what its generator writes."""

import pytest

from kube import kinds, schemas
from kube.kinds import Kind
from kube.schemas import generate


@pytest.mark.parametrize("kind", kinds.BUILT_IN, ids=lambda kind: f"{kind.group}/{kind.kind}")
def test_every_built_in_kind_has_a_schema(kind: Kind) -> None:
    definition = schemas.of(kind)
    assert definition.short_name == kind.kind
    assert "apiVersion" in definition.fields


def test_every_reference_leads_somewhere() -> None:
    for name in schemas.names():
        for field in schemas.definition(name).fields.values():
            shape = field.shape
            while shape.element:
                shape = shape.element
            assert not shape.ref or schemas.definition(shape.ref)


def test_a_list_knows_how_it_merges() -> None:
    containers = schemas.definition("io.k8s.api.core.v1.PodSpec").fields["containers"]
    assert (containers.merge_key, containers.list_type, containers.list_keys) == ("name", "map", ("name",))
    assert containers.shape.element == schemas.Shape("ref", "io.k8s.api.core.v1.Container")


def test_the_generated_file_is_fresh() -> None:
    assert generate.rendered() == generate.TARGET.read_bytes()
