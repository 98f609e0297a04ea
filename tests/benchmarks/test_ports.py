import socket

from benchmarks import ports
from benchmarks.ports import PORTS, free_ports


def test_ports_differ_and_are_none_of_those_for_outgoing_connections():
    found = free_ports(20)
    assert len(set(found)) == 20
    assert set(found) <= set(PORTS)


def test_port_that_is_taken_is_not_given(monkeypatch):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken = server.getsockname()[1]
        offers = iter([taken, PORTS[7], PORTS[8], PORTS[9]])
        monkeypatch.setattr(ports.random, "choice", lambda _: next(offers))
        assert taken not in free_ports(1)
