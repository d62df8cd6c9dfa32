"""The studio as an MCP client sees it: what tools there are, and what they answer."""

import ast
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

Call = tuple[str, dict[str, Any]]


def _in_session(url: str, headers: dict[str, str], work: Callable[[ClientSession], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            streamable_http_client(url, http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await work(session)

    # In a thread: a browser of another test may have a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(anyio.run, run).result()


def tools_of(url: str, headers: dict[str, str]) -> dict[str, Any]:
    """Return the tools' descriptions by their names."""

    async def work(session: ClientSession) -> Any:
        return {tool.name: tool for tool in (await session.list_tools()).tools}

    return _in_session(url, headers, work)


def called(url: str, headers: dict[str, str], calls: Sequence[Call]) -> list[Any]:
    """Return what each call answers, one after the other; of one that fails its sentence."""

    async def work(session: ClientSession) -> Any:
        answers = [await session.call_tool(name, given) for name, given in calls]
        return [text if answer.isError else ast.literal_eval(text) for answer in answers for text in [answer.content[0].text]]

    return _in_session(url, headers, work)
