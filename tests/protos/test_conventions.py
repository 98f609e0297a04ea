"""What buf cannot check."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "protos"
FILES = sorted(ROOT.glob("sightline/**/*.proto"))


def stub_modules():
    for path in FILES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield module + "_pb2"
        yield module + "_pb2_grpc"


@pytest.mark.parametrize("name", list(stub_modules()))
def test_every_stub_imports(name):
    assert importlib.import_module(name)


def message_fields():
    for path in FILES:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts) + "_pb2"
        for message in importlib.import_module(module).DESCRIPTOR.message_types_by_name.values():
            for field in message.fields:
                yield pytest.param(field, id=field.full_name)


@pytest.mark.parametrize("field", list(message_fields()))
def test_integers_are_signed(field):
    unsigned = {field.CPPTYPE_UINT32, field.CPPTYPE_UINT64}
    assert field.cpp_type not in unsigned


@pytest.mark.parametrize("field", list(message_fields()))
def test_names_have_no_prefix_is(field):
    assert not field.name.startswith("is_")


def test_sampling_knobs_tell_unset_from_zero():
    from sightline.generator.v1 import generator_pb2

    fields = generator_pb2.SamplingOptions.DESCRIPTOR.fields
    assert all(field.has_presence or field.is_repeated for field in fields)
