"""Nothing that a service reads can run code: it knows no format that could."""

import ast
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
MODULES = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
CALLS = {"torch.load", "torch.serialization.load", "numpy.load"}
REMOTE_CODE = "trust_remote_code"


def imported(tree):
    """Returns what each name that a program imports stands for."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                names[name.asname or name.name.split(".")[0]] = (
                    name.name if name.asname else name.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                names[name.asname or name.name] = f"{node.module}.{name.name}"
    return names


def full_name(node, names):
    """Returns what an expression of names and dots stands for; empty for others."""
    if isinstance(node, ast.Attribute):
        return f"{full_name(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else ""


def named(node, names):
    """Yields the modules and functions that a part of a program names."""
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{name.name}" for name in node.names)
    elif isinstance(node, ast.Attribute):
        yield full_name(node, names)


def trusts(node):
    """Tells whether a part of a program may let a checkpoint bring code of its own."""
    if isinstance(node, ast.keyword):
        given = [(node.arg, node.value)]
    elif isinstance(node, ast.Dict):
        keys = [getattr(key, "value", None) for key in node.keys]
        given = list(zip(keys, node.values, strict=True))
    else:
        given = []
    return any(name == REMOTE_CODE and ast.unparse(value) != "False" for name, value in given)


def faults(source):
    """Yields what a program names that could unpickle, or run a checkpoint's code."""
    tree = ast.parse(source)
    names = imported(tree)
    for node in ast.walk(tree):
        for name in named(node, names):
            if name.split(".")[0] in MODULES or name in CALLS:
                yield name
        if trusts(node):
            yield REMOTE_CODE


def test_no_service_unpickles():
    files = list(SERVICES.rglob("*.py"))
    found = {str(path): list(faults(path.read_text())) for path in files}
    assert len(files) > 100
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, pickle as p",
        "from pickle import loads",
        "import torch\ntorch.load(x)",
        "import torch as t\nt.load(x)",
        "import torch.serialization as s\ns.load(x)",
        "from torch import load as read",
        "from torch import serialization\nserialization.load(x)",
        "import numpy as np\nread = np.load",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=settings.trust)",
        "options = {'trust_remote_code': 1}",
    ],
)
def test_what_could_run_code_is_found(source):
    assert list(faults(source))


@pytest.mark.parametrize(
    "source",
    [
        "import json\njson.load(x)",
        "import numpy as np\nnp.fromfile(x)",
        "from safetensors.torch import load",
        "AutoModel.from_pretrained(x, trust_remote_code=False)",
    ],
)
def test_what_only_reads_is_not(source):
    assert not list(faults(source))
