"""What a token costs outside the model: `python -m benchmarks.overhead`.

The whole suite runs over HTTP with the real model. Torch gets one thread, so that the
CPU time of the engine's thread inside the model is the model's; everything else that
generator and web use, gRPC's threads too, is divided by the tokens that came out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.contestant import PEERS, Contestant, filled, read_contestant
from benchmarks.load import Load, run_load
from benchmarks.measure import median, table
from benchmarks.metered_generator import METER_VARIABLE, Meter
from benchmarks.process_tree import thread_cpu_s, tree_cpu_s
from benchmarks.prompts import PromptMaker
from benchmarks.report import OURS
from benchmarks.run import Run, run_parser
from benchmarks.server import Running, named_ports, running
from benchmarks.workload import WORKLOADS, Case, request_body

MODULE = "benchmarks.overhead"
LIMIT_US = 150
PROMISED = "text-128"
"""The workload for which the limit is promised."""
WARM_UP = -1
MODULES = ("sightline_encoder", "benchmarks.metered_generator", "sightline_web")
"""In the order in which they start; when web is ready, all are."""


@dataclass(frozen=True)
class Counters:
    """What had been used at one moment: CPU seconds, and the engine's steps."""

    model: float
    engine_thread: float
    event_loop: float
    generator: float
    web: float
    encoder: float
    num_steps: int


@dataclass(frozen=True)
class Cost:
    """CPU microseconds per output token in one round, and the round's tokens per step."""

    model: float
    engine_thread: float
    event_loop: float
    other_threads: float
    web: float
    encoder: float
    load_generator: float
    tokens_per_step: float

    @property
    def generator(self) -> float:
        """What the generator uses outside the model."""
        return self.engine_thread + self.event_loop + self.other_threads


@dataclass(frozen=True)
class Suite:
    """The three services as processes of their own, and the generator's meter."""

    encoder: Running
    generator: Running
    web: Running
    meter: Meter

    def counters(self) -> Counters:
        """Reads what has been used so far."""
        pid = self.generator.process.pid
        model_s, num_steps, engine_thread = self.meter.read()
        return Counters(
            model=model_s,
            engine_thread=thread_cpu_s(pid, engine_thread),
            event_loop=thread_cpu_s(pid, pid),
            generator=tree_cpu_s(pid),
            web=self.web.cpu_s(),
            encoder=self.encoder.cpu_s(),
            num_steps=num_steps,
        )


def main() -> None:
    """Measures, prints the table, and writes it with the raw figures."""
    arguments = parse_arguments()
    case = Case(WORKLOADS[arguments.workload], arguments.clients)
    maker = PromptMaker(arguments.model)
    with running_suite(arguments.model) as suite:
        measure_round(suite, case, maker, WARM_UP)
        costs = [measure_round(suite, case, maker, number) for number in range(arguments.rounds)]
    report(arguments, costs)


def parse_arguments() -> argparse.Namespace:
    parser = run_parser(MODULE, __doc__)
    parser.add_argument("--workload", choices=sorted(WORKLOADS), default=PROMISED)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


@contextmanager
def running_suite(model: Path) -> Iterator[Suite]:
    """Starts encoder, metered generator and web, and stops them."""
    with ExitStack() as stack:
        work = Path(stack.enter_context(TemporaryDirectory(prefix="sightline-overhead-")))
        values = {"model": model.absolute(), "name": model.name, "work": work, **named_ports()}
        variables = suite_variables(values)
        meter = Meter(work / "meter")
        variables[METER_VARIABLE] = str(work / "meter")
        encoder, generator, web = (
            stack.enter_context(running(service(name, variables), values, work / f"{name}.log"))
            for name in MODULES
        )
        yield Suite(encoder, generator, web, meter)


def suite_variables(values: Mapping[str, object]) -> dict[str, str]:
    """Returns the settings that the suite has in the comparison, but one thread for torch."""
    settings = read_contestant(PEERS / f"{OURS}.toml").variables
    return {
        **{key: filled(value, values) for key, value in settings.items()},
        "SIGHTLINE_ENCODER_TARGET": f"127.0.0.1:{values['port_2']}",
        "SIGHTLINE_GENERATOR_TARGET": f"127.0.0.1:{values['port_1']}",
        "SIGHTLINE_GENERATOR_THREADS": "1",
    }


def service(module: str, variables: Mapping[str, str]) -> Contestant:
    """Describes one service; only web is waited for, since it waits for the others."""
    return Contestant(
        name=module,
        title=module,
        settings="",
        environment="",
        command=(sys.executable, "-m", module),
        ready="/ready" if module == "sightline_web" else "",
        variables={**variables, "OMP_NUM_THREADS": "1"},
    )


def measure_round(suite: Suite, case: Case, maker: PromptMaker, round_: int) -> Cost:
    """Runs one round of load and returns what its tokens cost."""
    answer_tokens = case.workload.answer_tokens
    bodies = [
        [
            request_body(maker.name, each, answer_tokens, {"ignore_eos": True})
            for each in conversations
        ]
        for conversations in case.conversations(maker, round_)
    ]
    before = suite.counters()
    load = run_load(suite.web.port, bodies)
    return cost(before, suite.counters(), load)


def cost(before: Counters, after: Counters, load: Load) -> Cost:
    """Divides what was used between two readings by the tokens of the load."""
    num_tokens = sum(sample.token_count for sample in load.samples)

    def per_token(seconds: float) -> float:
        return seconds / num_tokens * 1e6

    model = after.model - before.model
    engine_thread = after.engine_thread - before.engine_thread
    event_loop = after.event_loop - before.event_loop
    generator = after.generator - before.generator
    return Cost(
        model=per_token(model),
        engine_thread=per_token(engine_thread - model),
        event_loop=per_token(event_loop),
        other_threads=per_token(generator - engine_thread - event_loop),
        web=per_token(after.web - before.web),
        encoder=per_token(after.encoder - before.encoder),
        load_generator=per_token(load.own_cpu_s),
        tokens_per_step=num_tokens / (after.num_steps - before.num_steps),
    )


def results_table(costs: Sequence[Cost], limit: str = f"at most {LIMIT_US}") -> str:
    """Returns medians over the rounds, and the limits that are promised."""

    def middle(name: str) -> str:
        return f"{median([getattr(each, name) for each in costs]):.0f}"

    rows = [
        ["generator outside the model", middle("generator"), limit],
        ["— engine's thread: schedule, sample, publish", middle("engine_thread"), ""],
        ["— event loop: deltas, gRPC", middle("event_loop"), ""],
        ["— other threads: gRPC's own", middle("other_threads"), ""],
        ["web: gRPC, JSON, event stream", middle("web"), limit],
        ["model, one thread", middle("model"), ""],
        ["encoder", middle("encoder"), ""],
        ["load generator", middle("load_generator"), ""],
    ]
    return table(["where", "CPU µs a token", "promised"], rows)


def report(arguments: argparse.Namespace, costs: Sequence[Cost]) -> None:
    """Prints the table and writes it with the raw figures."""
    batch = median([each.tokens_per_step for each in costs])
    limit = f"at most {LIMIT_US}" if arguments.workload == PROMISED else ""
    load = {"workload": arguments.workload, "clients": arguments.clients}
    about = (
        f"{arguments.workload}, {arguments.clients} clients, {batch:.1f} tokens a step, "
        f"{len(costs)} rounds."
    )
    facts = {**load, "rounds": [asdict(each) for each in costs]}
    body = f"{about}\n\n{results_table(costs, limit)}"
    form = "" if arguments.workload == PROMISED else arguments.workload
    Run(MODULE, form).write(arguments.results, "What a token costs outside the model", body, facts)


if __name__ == "__main__":
    main()
