"""A run's model put on the Hugging Face Hub: one commit to a repository that is private unless somebody says otherwise.

What goes there is what lies under model/ in a bundle, with the card; the film only when it is asked for. The token is handed over
by whoever calls and kept nowhere: in no run, no log and no message.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils._http import default_client_factory

from core.disk_use import megabytes
from core.errors import ConfigError, RunError, StudioError
from core.hub import hub_address, is_reachable
from core.runs import RunFolder
from core.sharing import repository_files

# The Hub's own rule for both parts: https://huggingface.co/docs/huggingface_hub/package_reference/utilities
PART = re.compile(r"[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)
# Without an answer for so long the Hub is given up; a large file may take as long as it needs, while it moves.
PATIENCE_SECONDS = 30.0
# The library's client differs between versions; its error for an answer derives from the client's own and from OSError.
FAULTS = cast("tuple[type[Exception], ...]", (*HfHubHTTPError.__bases__, OSError, RuntimeError, ValueError))
# What the Hub's answers mean to who pushes; a missing repository looks like a forbidden one.
MEANINGS = {
    401: "it does not know the token any more; sign in again",
    403: "this account may not write there; choose a name that begins with your own, or a token that may write",
    404: "this account may not write there; choose a name that begins with your own, or a token that may write",
    409: "the name is taken; choose another one",
    413: "the files are too large",
    429: "it has been asked too often; wait some minutes",
}
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Published:
    """Where a model lies on the Hub, whether only its owner sees it, and how much went there."""

    url: str
    is_private: bool
    files: int
    bytes: int


def machine_token() -> str:
    """Return the token that this machine's user signed in with.

    Raises:
        RunError: nobody has.
    """
    token = huggingface_hub.get_token()
    if not token:
        raise RunError("Nobody is signed in to the Hub on this machine; run hf auth login in a terminal, then push again.")
    return token


def check_repository(name: str) -> str:
    """Return a repository's name, and refuse one that the Hub would not take.

    Raises:
        ConfigError: it is none.
    """
    owner, _, model = str(name).strip().partition("/")
    if not (PART.fullmatch(owner) and PART.fullmatch(model)) or re.search(r"--|\.\.|\.git$", f"{owner}/{model}"):
        raise ConfigError(
            "", f"'{str(name)[:60]}' is no name of a repository; write owner/name in letters, digits, single dashes and dots."
        )
    return f"{owner}/{model}"


def publish(
    run: RunFolder, repository: str, token: str, private: bool = True, with_film: bool = False, progress: Progress | None = None
) -> Published:
    """Put a run's model, its card and, when asked, its film into a repository of the Hub, as one commit.

    Files that are there already stay, unless they have the same name. A new repository is made as `private` says; one that
    exists keeps what it is, and a public one is refused while `private` is asked.

    Args:
        run: one that left a model.
        repository: the repository, owner/name.
        token: of who pushes; it may write there.
        private: whether nobody else may see it.
        with_film: whether the film goes along, which holds texts of the held-out rows.
        progress: told what goes on.

    Raises:
        ConfigError: the repository's name is none.
        ModelError: the run left no model.
        RunError: the Hub does not answer, refuses, or would show to everybody what was to be private; or there is no film.
        StudioError: the film cannot be drawn; the sentence is the desk's.
    """
    repository, tell = check_repository(repository), progress or _silent
    tell("Writing the card")
    files = repository_files(run, repository, with_film)
    tell("Asking the Hub")
    _check_network()
    size = sum(content.stat().st_size if isinstance(content, Path) else len(content) for content in files.values())
    with _hub(repository, token) as hub:
        is_private = _ready(hub, repository, private)
        tell(f"Sending {len(files)} files, {megabytes(size)}")
        _commit(hub, repository, files, f"Contrastive Studio: {run.id}")
    return Published(f"{hub.endpoint}/{repository}", is_private, len(files), size)


def _silent(_: str) -> None:
    return


def _check_network() -> None:
    if huggingface_hub.is_offline_mode():
        raise RunError("HF_HUB_OFFLINE is set, so the Hub is not asked; unset it and start again. Nothing was sent.")
    if not is_reachable():
        raise RunError(f"The Hub ({hub_address()[:60]}) does not answer; check the network and push again. Nothing was sent.")


@contextmanager
def _hub(repository: str, token: str) -> Iterator[huggingface_hub.HfApi]:
    """Hand out the library's calls, with patience for each, and its faults as sentences."""
    _have_patience()
    try:
        yield huggingface_hub.HfApi(endpoint=hub_address().rstrip("/"), token=token)
    except StudioError:
        raise
    except FAULTS as error:
        # What went wrong with one file is wrapped. Nothing is chained: a request knows the token.
        cause = error.__cause__ if isinstance(error, RuntimeError) else None
        raise RunError(f"{repository}: {_said(cause or error, token)}.") from None


@cache
def _have_patience() -> None:
    """Set the library up, once: another client would be taken from whoever pushes at the same time."""
    huggingface_hub.set_client_factory(_patient_client)
    # It tells each retry, with the address.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def _patient_client() -> Any:
    client = default_client_factory()
    client.timeout = PATIENCE_SECONDS
    return client


def _said(error: BaseException, token: str) -> str:
    if not isinstance(error, HfHubHTTPError):
        if isinstance(error, ValueError):
            return f"the Hub does not take it: {_words(error, token)}"
        return f"the connection to the Hub broke off ({type(error).__name__}); look there whether it arrived, and push again"
    code = error.response.status_code
    if code >= 500:
        return f"the Hub has a fault of its own ({code}); push again in some minutes"
    meaning = MEANINGS.get(code) or _words(error.server_message or "no reason given", token)
    return f"the Hub refuses ({code}): {meaning}"


def _words(said: object, token: str) -> str:
    return " ".join(str(said).replace(token, "…").split())[:150].rstrip(".")


def _ready(hub: huggingface_hub.HfApi, repository: str, private: bool) -> bool:
    """See to it that the repository is there, and return whether it is private."""
    found = _is_private(hub, repository)
    if found is None:
        # Not "if it is not there": a name that came to be meanwhile may be public.
        hub.create_repo(repository, private=private, exist_ok=False)
        found = _is_private(hub, repository)
    if private and not found:
        raise RunError(
            f"{repository} is on the Hub and public, and private was asked; choose another name, make it private there, "
            "or say that it may be public. Nothing was sent."
        )
    return bool(found)


def _is_private(hub: huggingface_hub.HfApi, repository: str) -> bool | None:
    """Return whether a repository is private, or None where there is none that this account may see."""
    try:
        return bool(hub.model_info(repository, timeout=PATIENCE_SECONDS).private)
    except RepositoryNotFoundError as error:
        # The library calls a token that is not known by the same name.
        if error.response.status_code == 401:
            raise
        return None


def _commit(hub: huggingface_hub.HfApi, repository: str, files: Mapping[str, Path | bytes], message: str) -> None:
    with ExitStack() as opened:
        # As open files: the library then sends them by plain HTTP, in which our patience counts and which needs no Rust threads.
        try:
            added = [
                huggingface_hub.CommitOperationAdd(
                    name, opened.enter_context(content.open("rb")) if isinstance(content, Path) else content
                )
                for name, content in files.items()
            ]
        except FileNotFoundError:
            raise RunError("The run was deleted meanwhile; nothing was sent.") from None
        hub.create_commit(repository, added, commit_message=message)
