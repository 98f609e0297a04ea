import sys

import pytest

from benchmarks.contestant import Contestant
from benchmarks.server import StartError, named_ports, running

SERVE = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ready" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
VALUES = {"name": "m", "python": sys.executable}


def contestant(*command, **kwargs):
    return Contestant("c", "C", "", "", command, **{"ready": "/ready", **kwargs})


def run(described, tmp_path):
    return running(described, VALUES, tmp_path / "log")


def test_contestant_runs_until_the_end_of_the_block(tmp_path):
    described = contestant("$python", "-c", SERVE, "$port")
    with run(described, tmp_path) as started:
        assert started.process.poll() is None
        assert started.model_name == "m"
    assert started.process.returncode is not None


def test_contestant_that_ends_at_once_is_an_error_with_its_last_words(tmp_path):
    described = contestant("$python", "-c", "import sys; sys.exit('no memory')")
    with pytest.raises(StartError, match="no memory"), run(described, tmp_path):
        pass


def test_preparation_that_fails_is_an_error_with_its_last_words(tmp_path):
    step = ("$python", "-c", "import sys; sys.exit('cannot convert')")
    described = contestant("$python", "-c", SERVE, "$port", prepare=(step,))
    with pytest.raises(StartError, match="cannot convert"), run(described, tmp_path):
        pass


def test_variables_are_filled_in_and_reach_the_process(tmp_path):
    said = tmp_path / "said"
    code = f"import os; open({str(said)!r}, 'w').write(os.environ['MODEL']);" + SERVE
    described = contestant("$python", "-c", code, "$port", variables={"MODEL": "<$name>"})
    with run(described, tmp_path):
        assert said.read_text() == "<m>"


def test_batch_program_is_asked_through_pipes(tmp_path):
    code = "print(input().upper(), flush=True); input()"
    described = contestant("$python", "-c", code, kind="batch")
    with run(described, tmp_path) as started:
        started.process.stdin.write(b"hello\n")
        started.process.stdin.flush()
        assert started.process.stdout.readline() == b"HELLO\n"


def test_ports_are_three_and_differ():
    ports = named_ports()
    assert list(ports) == ["port", "port_1", "port_2"]
    assert len(set(ports.values())) == 3
