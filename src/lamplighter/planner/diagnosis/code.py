"""What the agent's code raised."""

from collections.abc import Callable

from lamplighter.planner.diagnosis.symptoms import (
    Clue,
    Confidence,
    Raised,
    Rule,
    Symptoms,
    listed,
    short,
)
from lamplighter.planner.diagnosis.words import kind_of, started, status_in

# What is raised when a page is other than the code expects.
_OF_PAGES = {
    "AttributeError",
    "IndexError",
    "KeyError",
    "TypeError",
    "ValueError",
    "JSONDecodeError",
    "InvalidOperation",
}
_OF_CODE = {"SyntaxError", "IndentationError", "TabError", "NameError", "UnboundLocalError"}


def _is_explained(raised: Raised) -> bool:
    return kind_of(str(raised)) is not None or status_in(str(raised)) is not None


def _unexplained(s: Symptoms, is_meant: Callable[[Raised], bool]) -> Raised | None:
    """The most frequent exception that no other rule knows; of equals the first, which ended the program."""
    found = [raised for raised in s.exceptions if not _is_explained(raised) and is_meant(raised)]
    return max(found, key=lambda raised: raised.count, default=None)


def _is_code(raised: Raised) -> bool:
    return raised.name in _OF_CODE


def _is_page(raised: Raised) -> bool:
    return raised.url is not None and raised.name in _OF_PAGES


def _raised_clue(s: Symptoms, raised: Raised, says: str, actions: tuple[str, ...]) -> Clue:
    times = f" ({raised.count:,} times)" if raised.count > 1 else ""
    where = f" in {raised.place}" if raised.place else ""
    on = f" on {short(raised.url)}" if raised.url else ""
    others = list(dict.fromkeys(r.name for r in s.exceptions if r.name != raised.name))
    return Clue(
        Confidence.LIKELY if started(s, "time-out") else Confidence.CERTAIN,
        f"{says}: {short(str(raised), 300)}{times}{where}{on}",
        (*actions, f"Read the whole traceback with its source: {s.command('run evidence')}"),
        (short(str(raised), 300), *((f"also raised: {listed(others)}",) if others else ())),
    )


def _code(s: Symptoms) -> Clue | None:
    raised = _unexplained(s, _is_code)
    if raised is None:
        return None
    place = f"{raised.place}" if raised.place else "the agent's files"
    return _raised_clue(
        s,
        raised,
        "The agent's code has a mistake",
        (f"Mend {place} and deploy: `lamplighter agent deploy DIR`",),
    )


def _page(s: Symptoms) -> Clue | None:
    raised = _unexplained(s, _is_page)
    if raised is None:
        return None
    look = (
        (f"Compare the page with what the code expects: {s.command('run download', '--file', s.page.file)}",)
        if s.page and s.page.file
        else ()
    )
    clue = _raised_clue(
        s,
        raised,
        "A page is other than the code expects",
        (*look, "Mend the selectors, or let the code pass over pages and fields that are not there"),
    )
    title = f"the page's title is {short(s.page.title, 80)!r}" if s.page and s.page.title else ""
    return Clue(clue.confidence, clue.cause, clue.actions, (*clue.evidence, *filter(None, [title])))


def _exception(s: Symptoms) -> Clue | None:
    raised = _unexplained(s, lambda raised: not _is_code(raised) and not _is_page(raised))
    if raised is None:
        return None
    return _raised_clue(s, raised, "The agent raised an exception", ())


RULES = (
    Rule("code.mistake", "the code cannot work", "exceptions such as SyntaxError and NameError", _code),
    Rule(
        "page.unexpected", "a page is other than the code expects", "exceptions while a page was read", _page
    ),
    Rule(
        "exception.raised",
        "the agent raised an exception",
        "exceptions with the innermost place in the agent's files",
        _exception,
    ),
)
