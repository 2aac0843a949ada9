"""Clients that ask a server over HTTP, so many at once, each waiting for its answer before it asks again."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import numpy as np

COUNTS = (1, 8, 64)


@dataclass(frozen=True, slots=True)
class Target:
    """A request, the same each time."""

    name: str
    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Load:
    """What so many clients saw: requests per second, and percentiles of the latency in milliseconds."""

    clients: int
    rate: float
    p50: float
    p95: float
    p99: float


def ask(target: Target, clients: int, requests: int) -> Load:
    """Send so many requests in all; raises RuntimeError for an answer that is not 200."""
    return asyncio.run(_ask(target, clients, requests))


async def _ask(target: Target, clients: int, requests: int) -> Load:
    seconds: list[float] = []
    left = iter(range(requests))

    async def client(session: aiohttp.ClientSession) -> None:
        for _ in left:
            begun = time.perf_counter()
            async with session.post(target.url, data=target.body, headers=target.headers) as answer:
                text = await answer.read()
                if answer.status != 200:
                    raise RuntimeError(f"{target.name} answered {answer.status}: {text[:200]!r}")
            seconds.append(time.perf_counter() - begun)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        begun = time.perf_counter()
        await asyncio.gather(*(client(session) for _ in range(clients)))
        whole = time.perf_counter() - begun
    p50, p95, p99 = np.percentile(seconds, (50, 95, 99)) * 1000
    return Load(clients, requests / whole, float(p50), float(p95), float(p99))
