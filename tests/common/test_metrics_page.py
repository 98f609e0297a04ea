"""The page of metrics: one path, two methods, bounded heads, and histograms that add up."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry
from sightline_common.bucket_counts import BucketCounts
from sightline_common.metric_families import StateCollector, histogram
from sightline_common.metrics_page import MAX_HEAD_BYTES, MetricsPage


async def answered(request):
    counts = BucketCounts((0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 7.0):
        counts.observe(value)
    registry = CollectorRegistry()
    StateCollector(lambda: [histogram("waits_seconds", "Waits.", counts)], registry)
    async with MetricsPage(registry).serving("127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
    return answer.decode()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GET /metrics HTTP/1.1", "200"),
        ("GET /metrics?name[]=x HTTP/1.1", "200"),
        ("HEAD /metrics HTTP/1.1", "200"),
        ("POST /metrics HTTP/1.1", "405"),
        ("GET / HTTP/1.1", "404"),
        ("GET /metrics/../etc HTTP/1.1", "404"),
    ],
)
async def test_only_the_page_is_there(line, status):
    answer = await answered(f"{line}\r\nHost: x\r\n\r\n".encode())
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert ("waits_seconds" in answer) == (line.startswith("GET") and status == "200")


async def test_head_that_is_too_large_is_refused():
    answer = await answered(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 2 * MAX_HEAD_BYTES)
    assert answer.startswith("HTTP/1.1 431 ")


async def test_what_is_no_http_is_left_without_an_answer():
    assert await answered(b"\x16\x03\x01\x00\r\n\r\n") == ""


async def test_bounds_belong_to_their_buckets_and_buckets_add_up():
    lines = (await answered(b"GET /metrics HTTP/1.1\r\n\r\n")).splitlines()
    assert 'waits_seconds_bucket{le="0.1"} 2.0' in lines
    assert 'waits_seconds_bucket{le="1.0"} 3.0' in lines
    assert 'waits_seconds_bucket{le="+Inf"} 4.0' in lines
    assert "waits_seconds_count 4.0" in lines
