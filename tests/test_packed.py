"""What is packed once for everybody: the page by the address that it was asked for at, and nothing that is for one person."""

from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.real_app import RealApp
from ui.packed import MOST_KEPT, TELL_ADDRESS, Packed


class Site:
    """An app behind `Packed` that counts how often it is asked, and whose answers tell what they were asked with."""

    def __init__(self, tmp_path: Path, **said: Any) -> None:
        self.asked, self.said = 0, said
        file = tmp_path / "plotly.min.js"
        file.write_text("let plotly;" * 100)
        routes = [Route(path, self.answer) for path in ("/", "/config", "/other", f"/gradio_api/file={file}")]
        self.packed = Packed(Starlette(routes=routes), file)
        self.file = f"/gradio_api/file={file}"

    async def answer(self, request: Request) -> Response:
        self.asked += 1
        await anyio.sleep(0.005)
        told = "".join(f"{name}={request.headers.get(name)};" for name in TELL_ADDRESS)
        return PlainTextResponse(f"{request.url.path} {request.url.query} {told}", **self.said)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.packed)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/", "/config"])
async def test_page_is_answered_once_for_each_address(tmp_path: Path, path: str) -> None:
    site = Site(tmp_path)
    first, second = await site.get(path), await site.get(path)
    assert site.asked == 1 and first.text == second.text and first.headers == second.headers
    assert second.headers["content-encoding"] == "gzip" and second.headers["content-type"].startswith("text/plain")
    for header in TELL_ADDRESS:
        other = await site.get(path, **{header: "elsewhere"})
        assert f"{header}=elsewhere;" in other.text
    assert (await site.get(path)).text == first.text and site.asked == 1 + len(TELL_ADDRESS)


@pytest.mark.anyio
async def test_page_is_made_once_for_many_who_come_at_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    answers: list[httpx.Response] = []

    async def come() -> None:
        answers.append(await site.get("/"))

    async with anyio.create_task_group() as visitors:
        for _ in range(10):
            visitors.start_soon(come)
    assert site.asked == 1 and len({answer.text for answer in answers}) == 1 and len(answers) == 10


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "headers", "said"),
    [
        ("/other", {}, {}),
        ("/?view=api", {}, {}),
        ("/", {"accept_encoding": "br"}, {}),
        ("/", {}, {"status_code": 503}),
        ("/", {}, {"headers": {"set-cookie": "person=one"}}),
        ("/", {}, {"headers": {"content-encoding": "identity"}}),
    ],
)
async def test_what_is_not_the_same_for_all_is_answered_each_time(
    tmp_path: Path, path: str, headers: dict[str, str], said: dict[str, Any]
) -> None:
    site = Site(tmp_path, **said)
    answers = [await site.get(path, **headers) for _ in range(2)]
    assert site.asked == 2
    assert [answer.status_code for answer in answers] == [said.get("status_code", 200)] * 2
    assert [answer.headers.get("set-cookie") for answer in answers] == [said.get("headers", {}).get("set-cookie")] * 2


@pytest.mark.anyio
async def test_addresses_that_are_made_up_take_no_room(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for number in range(3 * MOST_KEPT):
        await site.get("/", host=f"made-up-{number}")
        assert len(site.packed.kept) <= MOST_KEPT


@pytest.mark.anyio
async def test_file_of_a_library_is_read_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    answer = await site.get(site.file)
    assert site.asked == 0 and answer.text == "let plotly;" * 100 and "max-age" in answer.headers["cache-control"]


def test_packed_page_is_what_gradio_writes(runs_dir: Path) -> None:
    app = RealApp(runs_dir)
    try:
        for path in ("/", "/config"):
            plain, *packed = (httpx.get(app.url + path, headers={"Accept-Encoding": way}) for way in ("identity", "gzip", "gzip"))
            assert [answer.text for answer in packed] == [plain.text] * 2
            assert int(packed[1].headers["content-length"]) < len(plain.content) / 5
    finally:
        app.kill()
