import grpc
from sightline_common.errors import (
    InternalError,
    SightlineError,
    error_for_reason,
    error_types,
)


def leaves():
    return [kind for kind in error_types() if not kind.__subclasses__()]


def test_reasons_are_unique():
    reasons = [kind.reason for kind in leaves()]
    assert len(reasons) == len(set(reasons))


def test_every_status_is_a_grpc_code():
    assert all(grpc.StatusCode[kind.status] for kind in error_types())


def test_every_reason_finds_its_class():
    assert all(error_for_reason(kind.reason) is kind for kind in leaves())


def test_unknown_reason_is_internal():
    assert error_for_reason("NEVER_HEARD_OF") is InternalError


def test_the_drawn_tree_names_every_leaf():
    import sightline_common.errors as module

    for kind in leaves():
        assert f"{kind.__name__} " in (module.__doc__ or ""), kind
        assert kind.reason in (module.__doc__ or ""), kind
    assert issubclass(InternalError, SightlineError)
