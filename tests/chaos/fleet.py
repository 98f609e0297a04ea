"""Several encoders behind one generator, each a process of its own."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sightline.generator.v1 import generator_pb2_grpc

from benchmarks.ports import free_ports
from tests.suite.running_suite import NANO, ROOT

START_TIMEOUT_S = 120.0
DRAIN = {
    "SIGHTLINE_ENCODER_DRAIN_S": "120",
    "SIGHTLINE_GENERATOR_DRAIN_S": "120",
    "SIGHTLINE_WEB_DRAIN_S": "120",
}
QUICK_PROBES = {
    "SIGHTLINE_GENERATOR_ENCODER_PROBE_INTERVAL_S": "0.2",
    "SIGHTLINE_GENERATOR_ENCODER_PROBE_TIMEOUT_S": "1.0",
}


class Service:
    """One service as a process that can be killed and started again."""

    def __init__(self, module, port, log, **environ):
        self.target = f"127.0.0.1:{port}"
        self._module = module
        self._log = log
        self._environ = {
            **os.environ,
            "SIGHTLINE_MODEL": str(NANO),
            "OMP_NUM_THREADS": "1",
            **DRAIN,
            **environ,
        }
        self.start()

    def start(self):
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=self._environ,
            )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def wait_ready(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        with grpc.insecure_channel(self.target) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            while time.monotonic() < deadline and self.process.poll() is None:
                with suppress(grpc.RpcError):
                    reply = health.Check(health_pb2.HealthCheckRequest(), timeout=2)
                    if reply.status == health_pb2.HealthCheckResponse.SERVING:
                        return
                time.sleep(0.1)
        raise AssertionError(f"{self._module} is not ready:\n{self._log.read_text()[-3000:]}")

    def log_text(self):
        return self._log.read_text()


@dataclass
class Fleet:
    """The processes, and a client of the generator."""

    encoders: list[Service]
    generator: Service
    stub: generator_pb2_grpc.GeneratorServiceStub

    def computed_counts(self):
        """Returns how many pictures each encoder computed since it started."""
        return [computed_count(encoder.target) for encoder in self.encoders]


def computed_count(target):
    with grpc.insecure_channel(target) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        return stub.GetCacheStatistics(encoder_pb2.GetCacheStatisticsRequest()).computed_count


@contextmanager
def running_fleet(folder, num_encoders=3, **environ):
    """Starts encoders and a generator, waits until all are ready, and stops them."""
    generator_port, *encoder_ports = free_ports(num_encoders + 1)
    with ExitStack() as stack:
        encoders = [
            _started(
                stack,
                "sightline_encoder",
                port,
                folder / f"encoder-{number}.log",
                SIGHTLINE_ENCODER_PORT=str(port),
                SIGHTLINE_ENCODER_THREADS="1",
            )
            for number, port in enumerate(encoder_ports)
        ]
        generator = _started(
            stack,
            "sightline_generator",
            generator_port,
            folder / "generator.log",
            SIGHTLINE_ENCODER_TARGET=",".join(encoder.target for encoder in encoders),
            SIGHTLINE_GENERATOR_PORT=str(generator_port),
            SIGHTLINE_GENERATOR_THREADS="1",
            SIGHTLINE_GENERATOR_KV_CACHE_BYTES=str(256 * 1024**2),
            **{**QUICK_PROBES, **environ},
        )
        for service in (*encoders, generator):
            service.wait_ready()
        channel = stack.enter_context(grpc.insecure_channel(generator.target))
        yield Fleet(encoders, generator, generator_pb2_grpc.GeneratorServiceStub(channel))


def _started(stack, module, port, log, **environ):
    service = Service(module, port, log, **environ)
    stack.callback(service.kill)
    return service
