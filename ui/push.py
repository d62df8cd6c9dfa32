"""A part of the Runs tab: the chosen run's model put on the Hugging Face Hub, by whoever is signed in there."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from gradio.utils import get_space

from core.errors import RunError, StudioError, one_sentence
from core.publishing import Progress, machine_token, publish
from ui.html import hint, problem
from ui.studio import Studio, bound

PUSH = "Push to the Hub"
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
ABOUT = (
    "Or put the model with its card on the Hugging Face Hub, in one commit. A new repository is private unless you say "
    "otherwise; files that are in yours already stay."
)
NO_SIGN_IN = (
    "Nothing can be pushed to the Hub from this Space: it offers no sign-in with Hugging Face (hf_oauth in its README). "
    "Make the file above and open it on a studio of your own."
)
NOT_THEIRS = (
    "Nothing can be pushed to the Hub from here: others reach this page, and this machine's sign-in is not theirs. Make the file "
    "above and open it on a studio of your own, or run python -m core publish on this machine."
)
SIGN_IN = "Sign in with Hugging Face first; the button is above."
ELSEWHERE = "This page was not opened at its own address, so nothing is pushed in your name; open the studio itself."


@dataclass(frozen=True)
class PushBlock:
    """The block's components."""

    repository: gr.Textbox
    private: gr.Checkbox
    film: gr.Checkbox
    push: gr.Button
    answer: gr.HTML

    def asked(self) -> list[Any]:
        """Return what says where and what to push."""
        return [self.repository, self.private, self.film]


@dataclass(frozen=True)
class Caller:
    """Who pressed the button: the page they pressed it on, and their own sign-in where this is a Space."""

    request: gr.Request
    signed_in: gr.OAuthToken | None


def build_push(studio: Studio) -> PushBlock:
    """Lay out the block; where nobody can push, it says why in place of its widgets."""
    why_not = why_no_push(studio)
    gr.HTML(hint(why_not or ABOUT))
    if offers_sign_in():
        gr.LoginButton(size="md", scale=0, elem_id="sign-in")
    with gr.Row(visible=not why_not):
        repository = gr.Textbox(label="Repository on the Hub", placeholder="owner/name", max_length=200, scale=2, min_width=220)
        private = gr.Checkbox(True, label="Private", info="Nobody else sees it", min_width=150)
        film = gr.Checkbox(False, label="The film as well", info="It holds texts of the held-out rows", min_width=220)
        push = gr.Button(PUSH, interactive=False, min_width=150)
    return PushBlock(repository, private, film, push, gr.HTML(elem_id="pushed"))


def offers_sign_in() -> bool:
    """Tell whether this is a Space with sign-in; elsewhere Gradio would only play one, with this machine's account."""
    return bool(get_space() and os.environ.get("OAUTH_CLIENT_ID"))


def why_no_push(studio: Studio) -> str:
    """Return why nobody can push from this page, or nothing where somebody can."""
    if os.environ.get("SPACE_ID"):
        return "" if offers_sign_in() else NO_SIGN_IN
    return NOT_THEIRS if studio.is_hosted or studio.serves_others else ""


def show_push(studio: Studio, name: str) -> tuple[Any, str]:
    """Return whether the chosen run can be pushed, and no answer to an earlier push."""
    run = studio.run(name)
    return gr.update(interactive=run is not None and (run.path / "model").is_dir()), ""


def with_caller(handler: Callable[..., Iterator[Any]], studio: Studio) -> Callable[..., Iterator[Any]]:
    """Give a handler the studio of whoever calls it (`ui.studio.bound`), and who that is."""
    call = bound(handler, studio)

    # Gradio finds what it fills in by the types of the first parameters; the visitor's token and the inputs come after.
    def answer(request: gr.Request, signed_in: gr.OAuthToken | None, *given: Any) -> Iterator[Any]:
        yield from call(given[0], Caller(request, signed_in), *given[1:])

    answer.__name__ = handler.__name__
    answer.wants_visitor = True  # type: ignore[attr-defined]
    return answer


def push_run(studio: Studio, caller: Caller, name: str, *asked: Any) -> Iterator[str]:
    """Push the chosen run and tell how that goes, once a second; `asked` is that of `PushBlock.asked`."""
    said, began, pool = ["Asking who you are"], time.monotonic(), ThreadPoolExecutor(1)
    try:
        going = pool.submit(pushed, studio, caller, said.append, name, *asked)
        while wait([going], timeout=1).not_done:
            yield hint(f"{said[-1]}, {time.monotonic() - began:.0f} s")
        yield going.result()
    finally:
        # Who leaves the page is not waited for: Gradio closes what was left where it answers everybody.
        pool.shutdown(wait=False)


def pushed(studio: Studio, caller: Caller, tell: Progress, name: str, *asked: Any) -> str:
    """Push the chosen run and return where it is now, or what is in the way."""
    repository, private, film = asked
    try:
        token = token_of(studio, caller)
        run = studio.run(name)
        if run is None:
            raise RunError(f"Run {str(name)[:60]} is gone; choose another one.")
        done = publish(run, str(repository), token, bool(private), bool(film), tell)
    except (StudioError, OSError) as error:
        return problem(one_sentence(error))
    url, seen = escape(done.url, quote=True), "private" if done.is_private else "public"
    return f'<div class="hint">On the Hub, {seen}: <a href="{url}" target="_blank" rel="noopener">{url}</a></div>'


def token_of(studio: Studio, caller: Caller) -> str:
    """Return whose token pushes: on a Space the visitor's own, on a machine of one's own that machine's, and nobody else's.

    Raises:
        RunError: nobody is signed in, or the button was pressed on another page than ours.
    """
    why_not = why_no_push(studio)
    if why_not:
        raise RunError(why_not)
    # A browser says which page asks. A strange page could press the button with the visitor's cookie, or on this machine.
    address = urlsplit(caller.request.headers.get("origin") or "")
    if os.environ.get("SPACE_ID"):
        if not address.netloc or address.netloc not in os.environ.get("SPACE_HOST", "").split(","):
            raise RunError(ELSEWHERE)
        if caller.signed_in is None or not caller.signed_in.token:
            raise RunError(SIGN_IN)
        return caller.signed_in.token
    if address.hostname not in THIS_MACHINE or address.netloc != caller.request.headers.get("host"):
        raise RunError(f"{ELSEWHERE[:-1]} on this machine.")
    return machine_token()
