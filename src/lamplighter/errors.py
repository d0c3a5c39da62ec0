"""Every error that Lamplighter raises on purpose, in one tree.

::

    LamplighterError            code, status, retryable
    ├── InvalidInput            400  one or more fields are wrong; each is named
    ├── NotAuthenticated        401
    ├── NotAllowed              403
    ├── NotFound                404  also for what the caller may not see
    ├── Conflict                409  the thing is in a state that forbids this
    ├── Gone                    410  it was here, and will not be again
    ├── TooLarge                413
    ├── UnsupportedMedia        415
    ├── RateLimited             429  retryable: after ``retry_after`` seconds
    ├── TimedOut                504  a synchronous run did not end in time
    └── Unavailable             503  retryable: another try may help
        ├── BusAway             503  nobody answered over the bus: what was asked may have been done, or not
        │   └── NobodyAnswers   503  the broker is there, and nobody serves what was asked for
        └── AnswerFailed        503  whoever answered over the bus could not do it

``code`` is a stable word for programs, the message is a sentence for people. ``status`` is the HTTP status
the API answers with. An error that is none of these is a defect of ours and becomes a 500.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What Pydantic calls a mistake, and how it is said here; in braces what its context has.
_MISTAKES = {
    "missing": "is needed",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is too large a number",
    "int_from_float": "must be a whole number, without a fraction",
    "finite_number": "must be a number that is not infinite",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "bool_type": "must be true or false",
    "list_type": "must be an array",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "dict_type": "must be an object",
    "literal_error": "must be one of: {expected}",
}


def what_is_wrong(mistake: Mapping[str, Any]) -> str:
    """One of Pydantic's errors (``type``, ``msg``, ``ctx``) as this house says it."""
    said = _MISTAKES.get(mistake["type"])
    if said is None:
        return str(mistake["msg"]).removeprefix("Value error, ")
    return said.format_map(mistake.get("ctx") or {})


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request; ``field`` is the wire's camelCase name."""

    field: str
    message: str


class LamplighterError(Exception):
    """The root of the tree. ``retryable`` says whether the same call may succeed later."""

    code = "error"
    status = 500
    title = "Error"
    retryable = False
    retry_after: int | None = None  # seconds


class InvalidInput(LamplighterError):
    """Some fields of the input are wrong; ``errors`` names each with what would be right."""

    code = "invalid_input"
    status = 400
    title = "Invalid input"

    def __init__(self, *errors: FieldError) -> None:
        super().__init__("; ".join(f"{e.field}: {e.message}" if e.field else e.message for e in errors))
        self.errors = errors

    @classmethod
    def of(cls, field: str, message: str) -> "InvalidInput":
        """The common case: exactly one field is wrong."""
        return cls(FieldError(field, message))


class NotAuthenticated(LamplighterError):
    """No valid credentials came with the request."""

    code = "not_authenticated"
    status = 401
    title = "Not authenticated"


class NotAllowed(LamplighterError):
    """The caller is known but may not do this."""

    code = "not_allowed"
    status = 403
    title = "Not allowed"


class NotFound(LamplighterError):
    """There is no such thing, or the caller may not know of it."""

    code = "not_found"
    status = 404
    title = "Not found"


class Conflict(LamplighterError):
    """The thing exists but its state forbids what was asked."""

    code = "conflict"
    status = 409
    title = "Conflict"


class Gone(LamplighterError):
    """The thing was there until a known time: nobody need try again."""

    code = "gone"
    status = 410
    title = "Gone"


class TooLarge(LamplighterError):
    """The request is larger than the server takes."""

    code = "too_large"
    status = 413
    title = "Too large"


class UnsupportedMedia(LamplighterError):
    """The body is of a kind that this call does not take."""

    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"


class RateLimited(LamplighterError):
    """Too many requests; ``retry_after`` says in how many seconds the next one passes."""

    code = "rate_limited"
    status = 429
    title = "Too many requests"
    retryable = True

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TimedOut(LamplighterError):
    """Something that was waited for did not end in time."""

    code = "timed_out"
    status = 504
    title = "Timed out"


class Unavailable(LamplighterError):
    """A part that is needed is away for now."""

    code = "unavailable"
    status = 503
    title = "Unavailable"
    retryable = True


class BusAway(Unavailable):
    """The broker is away, or nobody answered in time. What was asked for may have happened all the same."""

    code = "bus_away"


class NobodyAnswers(BusAway):
    """The broker is there, and nobody serves what was asked for."""

    code = "nobody_answers"


class AnswerFailed(Unavailable):
    """Whoever was asked over the bus answered that it could not do it."""

    code = "answer_failed"
