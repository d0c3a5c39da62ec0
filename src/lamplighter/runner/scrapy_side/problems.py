"""What went wrong, told in sentences."""

import os
import traceback

from twisted.python.failure import Failure

from ...agent import without_passwords


class CannotStartError(Exception):
    """The crawl cannot be started; the message is a sentence for the person who reads the run."""


class StoppedError(SystemExit):
    """SIGTERM came before Scrapy was there to handle it."""


class Tally:
    """How often something happened, and the first few different texts about it."""

    def __init__(self) -> None:
        self.count = 0
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        self.count += 1
        if len(self.texts) < 3 and text not in self.texts:
            self.texts.append(text)

    def sentences(self, label: str) -> list[str]:
        found = [f"{label}: {text}" for text in self.texts]
        if self.count > len(found):
            found.append(f"{label}: {self.count} times in all.")
        return found


def describe(error: BaseException, url: str | None = None) -> str:
    """Type, message and the place in the project's own code, in one line without passwords."""
    message = " ".join(str(error).split())
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118 - compared as text
    own = [
        frame for frame in frames if frame.filename.startswith(here) and "site-packages" not in frame.filename
    ]
    if own and not isinstance(error, SyntaxError):  # whose message says where
        text += f" ({own[-1].filename.removeprefix(here)}:{own[-1].lineno} in {own[-1].name})"
    return without_passwords(f"{text} on {url}" if url else text)


def raised(failure: Failure) -> BaseException:
    return failure.value  # type: ignore[return-value] # None only in a failure without an exception
