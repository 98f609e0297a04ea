"""Nothing that a service reads can run code: it knows no format that could."""

import ast
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
MODULES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
CALLS = {("torch", "load"), ("np", "load"), ("numpy", "load"), ("np", "fromfile")}


def faults(source):
    """Yields what a program names that could unpickle."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ({name.name.split(".")[0] for name in node.names} & MODULES)
        elif isinstance(node, ast.ImportFrom):
            yield from ({(node.module or "").split(".")[0]} & MODULES)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from ({(node.value.id, node.attr)} & CALLS)


def test_no_service_unpickles():
    files = list(SERVICES.rglob("*.py"))
    found = {str(path): list(faults(path.read_text())) for path in files}
    assert len(files) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from pickle import loads", "import torch\ntorch.load(x)", "np.load(x)"],
)
def test_what_unpickles_is_found(source):
    assert list(faults(source))
