"""The header Idempotency-Key: what a request is known by, and routes that are carried out once for it.

A POST route is a plain function, called in one thread: what it writes and its answer become one transaction. One
that acts outside of the database says so with ``acts_outside``, one that sees to its keys itself with
``sees_to_keys``; one without a caller (its actor is not known) takes no notice of the header.
"""

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from lamplighter.errors import InvalidInput, LamplighterError
from lamplighter.http.api.access import services
from lamplighter.http.middleware import App, Message, Receive, Send
from lamplighter.http.problems import problem_answer
from lamplighter.service.idempotency import Answer, Claim, KeyProblem

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
PATTERN = "[!-~]{1,255}"
KEY_PARAMETER = {  # in the OpenAPI document
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "A new word for each request: repeats with it within 24 hours get the first answer.",
    "schema": {"type": "string", "pattern": f"^{PATTERN}$"},
}

# Refusals that hold for the request as it is, but say nothing of a change of state: its key stays free.
_NOT_KEPT = frozenset({400, 401, 403, 408, 413, 415, 429})
_ASKED = "keyed_request"  # the parameter in which a route that asks for no request gets it
_PLACE = "lamplighter.fingerprint"  # in the scope of a request
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])
_outside: set[Callable[..., Any]] = set()
_themselves: set[Callable[..., Any]] = set()


def acts_outside(endpoint: _Endpoint) -> _Endpoint:
    """Mark a route whose doing is not in the database: its key is noted before it begins."""
    _outside.add(endpoint)
    return endpoint


def sees_to_keys(endpoint: _Endpoint) -> _Endpoint:
    """Mark a route that calls ``carried_out_once`` itself, or has no caller."""
    _themselves.add(endpoint)
    return endpoint


class OnceRoute(APIRoute):
    """A route that honours Idempotency-Key when it is a POST; every router of the API has it as its class."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if "POST" in (options.get("methods") or ()) and endpoint not in _themselves:
            endpoint = _with_key(endpoint, options.get("status_code") or 200)
        super().__init__(path, endpoint, **options)


class KeyedRequests:
    """Checks the header of POST requests and takes the fingerprints of those that have it, while they are read."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        name = HEADER.lower().encode()
        keys = [value.decode("latin-1") for key, value in scope.get("headers", ()) if key == name]
        if scope["type"] != "http" or scope["method"] != "POST" or not keys:
            await self._app(scope, receive, send)
            return
        if len(keys) > 1 or not re.fullmatch(PATTERN, keys[0]):
            error = InvalidInput.of(HEADER, "must be one word of 1 to 255 visible ASCII characters")
            await problem_answer(scope["path"], error)(scope, receive, send)
            return
        fingerprint = _Fingerprint(keys[0], scope)
        scope[_PLACE] = fingerprint

        async def heard() -> Message:
            message = await receive()
            fingerprint.add(message.get("body", b""))
            return message

        await self._app(scope, heard, send)


class _Fingerprint:
    """What a request is known by: its method, address, kind and the bytes of its body.

    The boundary between the parts of a form is left out: clients draw a new one for each request.
    """

    def __init__(self, key: str, scope: Message) -> None:
        self.key = key
        kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        found = re.search(rb'boundary="?([^";]+)', kind, re.IGNORECASE)
        self._boundary = found[1].strip() if found else None
        self._rest = b""
        address = scope["raw_path"] + b"?" + scope["query_string"]
        self._hash = hashlib.sha256(b"\n".join([b"POST", address, kind.partition(b";")[0].lower(), b""]))

    def add(self, piece: bytes) -> None:
        """Take the next piece of the body."""
        if self._boundary is None:
            self._hash.update(piece)
            return
        *parts, last = (self._rest + piece).split(self._boundary)
        for part in parts:
            self._hash.update(part + b"\n--\n")
        # The boundary may be cut by the end of a piece.
        done = max(0, len(last) - len(self._boundary) + 1)
        self._hash.update(last[:done])
        self._rest = last[done:]

    def text(self) -> str:
        """The fingerprint of what was taken."""
        whole = self._hash.copy()
        whole.update(self._rest)
        return whole.hexdigest()


def carried_out_once(
    request: Request,
    work: Callable[[], Any],
    status: int,
    *,
    outside: bool = False,
    given: Mapping[str, Any] | None = None,
) -> Response:
    """The answer to a POST: what ``work`` returns, or, for a key that was used before, the first answer.

    ``given`` are the arguments of the route, among them perhaps the response whose headers it has set.
    """
    claim = _claim(request)

    def answer() -> Answer:
        return _answer_of(work(), status, given or {})

    if claim is None:
        return _response(answer(), replayed=False)
    try:
        if outside:
            return _begun(request, claim, answer)
        return _response(*services(request).idempotency.carry_out(claim, answer))
    except LamplighterError as problem:
        if _is_kept(problem):
            refusal = problem_answer(request.url.path, problem)
            services(request).idempotency.keep(claim, _answer_of(refusal, refusal.status_code, {}))
        raise


def _with_key(endpoint: Callable[..., Any], status: int) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(endpoint):
        name = endpoint.__name__
        raise TypeError(f"{name} is a POST route: make it a plain function, or mark it with sees_to_keys")
    outside = endpoint in _outside
    known = inspect.signature(endpoint)
    own = next((name for name, one in known.parameters.items() if one.annotation is Request), None)

    @wraps(endpoint)
    def with_key(**given: Any) -> Any:
        request = given[own] if own else given.pop(_ASKED)
        if _PLACE not in request.scope:
            return endpoint(**given)
        return carried_out_once(request, lambda: endpoint(**given), status, outside=outside, given=given)

    if own is None:  # FastAPI gives the request to one parameter only
        asked = inspect.Parameter(_ASKED, inspect.Parameter.KEYWORD_ONLY, annotation=Request)
        known = known.replace(parameters=[*known.parameters.values(), asked])
    with_key.__signature__ = known  # type: ignore[attr-defined]  # how a wrapper declares what it takes
    return with_key


def _begun(request: Request, claim: Claim, answer: Callable[[], Answer]) -> Response:
    """The answer to a request whose doing cannot be taken back."""
    once = services(request).idempotency
    known = once.begin(claim)
    if known is not None:
        return _response(known, replayed=True)
    try:
        made = answer()
    except LamplighterError as problem:
        if not _is_kept(problem):
            once.free(claim)
        raise
    except BaseException:
        once.lose(claim)
        raise
    once.keep(claim, made)
    return _response(made, replayed=False)


def _claim(request: Request) -> Claim | None:
    fingerprint: _Fingerprint | None = request.scope.get(_PLACE)
    actor = getattr(request.state, "actor", None)
    if fingerprint is None or actor is None:
        return None
    # A limited key, or a user who has lost a role, does not get the answer that was given to more rights.
    rights = (actor.is_admin, actor.is_read_only, actor.only_space, sorted(actor.roles.items()))
    return Claim(actor.user_id, fingerprint.key, f"{fingerprint.text()} {rights}")


def _is_kept(problem: LamplighterError) -> bool:
    if isinstance(problem, KeyProblem):
        return False
    return 400 <= problem.status < 500 and problem.status not in _NOT_KEPT


def _answer_of(result: Any, status: int, given: Mapping[str, Any]) -> Answer:
    """What a route returned, as it goes out."""
    said = next((value for value in given.values() if isinstance(value, Response)), None)
    status = (said and said.status_code) or status
    if isinstance(result, Response):
        response = result
    elif status == 204:
        response = Response(status_code=status)
    else:
        response = JSONResponse(jsonable_encoder(result), status_code=status)
    headers = [*response.headers.items(), *(said.headers.items() if said else ())]
    kept = [(name, value) for name, value in headers if name != "content-length"]
    return Answer(response.status_code, kept, bytes(response.body).decode())


def _response(answer: Answer, replayed: bool) -> Response:
    response = Response(answer.body, status_code=answer.status, headers=dict(answer.headers))
    if replayed:
        response.headers[REPLAYED] = "true"
    return response
