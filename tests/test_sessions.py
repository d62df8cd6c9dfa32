"""What the server keeps of an open page: all that later answers need, and none of the descriptions that a link would need."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any
from unittest.mock import ANY

import gradio as gr
import httpx
import pytest
from gradio.routes import App
from gradio.state_holder import SessionState

from ui.sessions import AT_ONCE, Answering, Session, with_sessions


def small_page(kind: type[gr.Blocks] = Answering) -> gr.Blocks:
    """Lay out a page whose buttons change the choices of a dropdown, remember something, and read both again."""
    page = kind()
    with page:
        choice = gr.Dropdown(["a"], value="a")
        kept = gr.State({"count": 0})
        text, other = gr.Textbox(), gr.Label()
        outputs = [choice, kept, text, other]
        gr.Button().click(lambda: (gr.update(choices=["a", "b"]), {"count": 1}, "x", gr.skip()), None, outputs, api_name="change")
        gr.Button().click(lambda chosen, of: f"{chosen} {of['count']}", [choice, kept], text, api_name="read")
    return page


class Page:
    """An open page of a server, which calls what its buttons call."""

    def __init__(self, page: gr.Blocks, client: httpx.AsyncClient) -> None:
        self.page, self.client = page, client

    async def ask(self, name: str, *data: Any, session: str = "one") -> Any:
        number = next(number for number, each in self.page.fns.items() if each.api_name == name)
        body = {"fn_index": number, "data": data, "session_hash": session}
        answer = await self.client.post("/gradio_api/run/predict", json=body)
        return answer.json().get("data")


@asynccontextmanager
async def served(page: gr.Blocks) -> AsyncIterator[Page]:
    app = App.create_app(page)
    async with with_sessions(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        yield Page(page, client)


@pytest.mark.anyio
async def test_later_answers_know_what_the_page_was_told_and_nothing_of_another_page() -> None:
    async with served(small_page()) as page:
        assert await page.ask("read", "a", None) == ["a 0"]
        assert await page.ask("change") == [ANY, None, "x", gr.skip()]
        assert await page.ask("read", "b", None) == ["b 1"], "a choice that the page was given later is one"
        assert await page.ask("read", "b", None, session="two") is None, "another page was given none"
        assert await page.ask("read", "a", None, session="two") == ["a 0"]


@pytest.mark.anyio
async def test_no_component_is_described_and_who_was_silent_for_longest_is_forgotten() -> None:
    page = small_page()
    page.state_session_capacity = 2
    async with served(page) as opened:
        for session in ("one", "two", "one", "three"):
            await opened.ask("change", session=session)
        assert list(page.state_holder.session_data) == ["one", "three"]
        assert [session.config_values for session in page.state_holder.session_data.values()] == [{}, {}]


def told(*values: Any) -> tuple[Any, ...]:
    return values


@pytest.mark.anyio
@pytest.mark.parametrize(
    "values",
    [
        told(gr.update(choices=["c"], value="c"), {"count": 2}, "x", "y"),
        told(gr.skip(), {"count": 2}, gr.skip(), gr.update(visible=False)),
        told(gr.skip(), gr.skip(), "x", "y"),
        told(gr.skip(), gr.skip(), gr.skip(), gr.update(value="y")),
        told(gr.skip(), gr.skip(), gr.skip(), gr.skip()),
        told(None, {}, gr.skip(), "y"),
        told(gr.skip(), ["a", "b"], gr.skip(), gr.skip()),
        told(gr.skip(), {}, gr.skip(), gr.skip()),
        told(gr.skip(), {"a": 1}, gr.skip(), gr.skip()),
        told(gr.skip(), gr.skip(), "x", gr.skip()),
        gr.skip(),
    ],
)
async def test_answer_is_the_one_that_gradio_writes(values: Any) -> None:
    page, gradios = small_page(), small_page(gr.Blocks)
    answers = [
        await each.postprocess_data(each.fns[0], deepcopy(values), state)
        for each, state in ((page, Session(page)), (gradios, SessionState(gradios)))
    ]
    assert answers[0] == answers[1]


@pytest.mark.anyio
@pytest.mark.parametrize("value", [["a", "b"], ["a"], [], [gr.skip()], {"a": 1}])
async def test_one_value_is_never_taken_for_many(value: Any) -> None:
    for kind in (Answering, gr.Blocks):
        with kind() as page:
            shown = gr.JSON()
            gr.Button().click(lambda: value, None, shown)
        answer = await page.postprocess_data(page.fns[0], value, Session(page))
        assert [getattr(each, "root", each) for each in answer] == [value]


@pytest.mark.anyio
@pytest.mark.parametrize("kept", [{"count": 1}, gr.skip()])
async def test_what_is_left_as_it_is_is_not_made_anew(kept: Any) -> None:
    page = small_page()
    state = Session(page)
    before = dict(state.blocks_config.blocks)
    change = page.fns[0]
    await page.postprocess_data(change, [gr.skip(), kept, gr.skip(), gr.update(visible=False)], state)
    changed = [key for key, block in state.blocks_config.blocks.items() if block is not before[key]]
    assert changed == [change.outputs[3]._id]


@pytest.mark.anyio
async def test_what_fills_a_page_takes_turns_and_a_press_does_not_wait_for_it() -> None:
    going, most, may_end = 0, 0, asyncio.Event()

    async def open_page() -> str:
        nonlocal going, most
        going += 1
        most = max(most, going)
        await may_end.wait()
        going -= 1
        return "filled"

    async def press() -> str:
        return "pressed"

    with Answering() as page:
        text = gr.Textbox()
        for handler in (open_page, press):
            gr.Button().click(handler, None, text)
    async with served(page) as opened:
        filling = [asyncio.create_task(opened.ask("open_page", session=str(number))) for number in range(AT_ONCE + 3)]
        while going < AT_ONCE:
            await asyncio.sleep(0.01)
        assert await opened.ask("press") == ["pressed"]
        may_end.set()
        assert await asyncio.gather(*filling) == [["filled"]] * len(filling) and most == AT_ONCE
