"""A small command line: `python -m sightline.client --target HOST:PORT --image FILE QUESTION`."""

from __future__ import annotations

import argparse
import logging
import sys

from sightline.client import Answer, Client, SightlineError, Tls

MAX_TOKENS = 4000


def main() -> int:
    """Streams an answer to standard output; what happens besides goes to standard error."""
    arguments = _parse()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("sightline.client").setLevel(logging.INFO)
    tls = Tls(ca=arguments.ca) if arguments.ca else None
    try:
        with (
            Client(arguments.target, tls=tls, timeout_s=arguments.deadline) as client,
            _ask(client, arguments) as answer,
        ):
            _print(answer, arguments.cancel_after)
    except SightlineError as error:
        print(f"error: {error.status.name} {error.reason}: {error.message}", file=sys.stderr)
        return 1
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser("ask")
    parser.add_argument("question")
    parser.add_argument("--target", default="127.0.0.1:50052", help="host:port of the generator")
    parser.add_argument("--image", action="append", default=[], help="a picture's file")
    parser.add_argument("--deadline", type=float, default=60.0, help="seconds for everything")
    parser.add_argument("--cancel-after", type=int, default=0, help="hang up after N pieces")
    parser.add_argument("--ca", help="speak TLS; a PEM file of who vouches for the server")
    return parser.parse_args()


def _ask(client: Client, arguments: argparse.Namespace) -> Answer:
    if arguments.cancel_after:
        return client.ask(
            arguments.question, images=arguments.image, max_tokens=MAX_TOKENS, ignore_eos=True
        )
    return client.ask(arguments.question, images=arguments.image, temperature=0)


def _print(answer: Answer, cancel_after: int) -> None:
    for count, text in enumerate(answer, start=1):
        print(text, end="", flush=True)
        if count == cancel_after:
            break
    print()
    if answer.complete is None:
        print(f"cancelled after {cancel_after} pieces", file=sys.stderr)
    else:
        tokens = answer.complete.usage.completion_token_count
        print(f"finished: {answer.finish_reason}, {tokens} tokens", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
