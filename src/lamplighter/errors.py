"""Every error that Lamplighter raises on purpose, in one tree.

::

    LamplighterError            code, status, retryable
    ├── InvalidInput            400  one or more fields are wrong; each is named
    ├── NotAuthenticated        401
    ├── NotAllowed              403
    ├── NotFound                404  also for what the caller may not see
    ├── Conflict                409  the thing is in a state that forbids this
    ├── TooLarge                413
    ├── UnsupportedMedia        415
    ├── TimedOut                504  a synchronous run did not end in time
    └── Unavailable             503  retryable: another try may help

``code`` is a stable word for programs, the message is a sentence for people. ``status`` is the HTTP status
the API answers with. An error that is none of these is a defect of ours and becomes a 500.
"""

from dataclasses import dataclass


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
