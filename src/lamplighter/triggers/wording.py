"""English for sets of numbers: lists, ranges, ordinals, names of days and months."""

from collections.abc import Callable, Iterable
from datetime import datetime

WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]

_SMALL_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"}


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Ordered numbers as (first, last) of each unbroken run."""
    found: list[tuple[int, int]] = []
    for n in numbers:
        if found and found[-1][1] == n - 1:
            found[-1] = (found[-1][0], n)
        else:
            found.append((n, n))
    return found


def long_step(numbers: list[int]) -> int | None:
    """The distance, 2 or more, between numbers that are too many to list but all equally far apart."""
    if len(numbers) <= 10:
        return None
    step = numbers[1] - numbers[0]
    return step if step > 1 and numbers == list(range(numbers[0], numbers[-1] + 1, step)) else None


def listed(words: list[str], last: str = "and") -> str:
    """``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def ranged(numbers: Iterable[int], word: Callable[[int], str] = str, dash: str = "–") -> list[str]:
    """A word for each number, three or more in a row as one range."""
    words: list[str] = []
    for first, last in runs(numbers):
        if last - first >= 2:
            words.append(f"{word(first)}{dash}{word(last)}")
        else:
            words += [word(n) for n in range(first, last + 1)]
    return words


def ordinal(n: int) -> str:
    """``1st``, ``2nd``, ``11th``."""
    suffix = "th" if 11 <= n % 100 <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def ordinal_word(n: int) -> str:
    """``first`` to ``fifth``."""
    return _SMALL_ORDINALS[n]


def counted(n: int, noun: str) -> str:
    """``1 day``, ``3 days``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def clock(moment: datetime) -> str:
    """``09:00``, with seconds only when there are any."""
    if moment.microsecond:
        return f"{moment:%H:%M:%S.%f}".rstrip("0")
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def day(moment: datetime) -> str:
    """``8 March 2026``."""
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"
