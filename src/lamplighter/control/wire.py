"""``Control`` as bytes: every method of it, with what goes in and comes out, as JSON.

Made from the types that ``face`` names, so the two ends of the broker cannot differ in what they mean. What is long
is packed. Both ends are of the same version, or of neighbouring ones while a fleet is being upgraded: what one end
does not know of a value yet must have a default.
"""

import inspect
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from lamplighter.control.face import ClaimLost, Control, NoProxies
from lamplighter.errors import LamplighterError, Unavailable
from lamplighter.model import Run

_PACK_FROM = 4096  # bytes
_PLAIN, _PACKED, _PROBLEM = b"=", b"z", b"!"  # what the rest is
_MOST_UNPACKED = 256 * 1024 * 1024
_KNOWN: dict[str, type[LamplighterError]] = {kind.code: kind for kind in (ClaimLost, NoProxies, Unavailable)}


@dataclass(frozen=True, slots=True)
class Method:
    """One method of ``Control``: its name, and its arguments and its result as JSON."""

    name: str
    _arguments: TypeAdapter[Any]
    _result: TypeAdapter[Any]

    def pack_call(self, arguments: Sequence[Any]) -> bytes:
        """What is sent for a call with these arguments."""
        return _pack(self._arguments.dump_json(tuple(arguments)))

    def answer(self, control: Control, payload: bytes) -> bytes:
        """Carry out what ``pack_call`` made; what is sent back: the result, or the problem that there was."""
        try:
            arguments = self._arguments.validate_json(_unpacked(payload))
        except ValueError as problem:
            return _pack_problem(
                LamplighterError(f"{self.name} was asked in words not understood: {problem}")
            )
        try:
            result = getattr(control, self.name)(*arguments)
        except LamplighterError as problem:
            return _pack_problem(problem)
        return _pack(self._result.dump_json(_without_inputs(result)))

    def unpack_answer(self, payload: bytes) -> Any:
        """What the method returned; raises what it raised."""
        if payload[:1] == _PROBLEM:
            problem = json.loads(payload[1:])
            raise _KNOWN.get(problem["code"], LamplighterError)(problem["message"])
        try:
            return self._result.validate_json(_unpacked(payload))
        except ValueError as problem:
            raise Unavailable(f"{self.name} was answered in words not understood: {problem}") from problem


def _method(name: str, function: Callable[..., Any]) -> Method:
    hints = get_type_hints(function)
    result = hints.pop("return")
    kinds = tuple(hints[parameter] for parameter in list(inspect.signature(function).parameters)[1:])
    arguments: TypeAdapter[Any] = TypeAdapter(tuple[kinds] if kinds else tuple[()])  # type: ignore[valid-type]
    return Method(name, arguments, TypeAdapter(result))


def _without_inputs(result: Any) -> Any:
    """Runs have their inputs in ``definition``, one at a time."""
    if isinstance(result, Run):
        return replace(result, input_json="null")
    if isinstance(result, list):
        return [_without_inputs(one) for one in result]
    return result


def _pack(text: bytes) -> bytes:
    return _PLAIN + text if len(text) < _PACK_FROM else _PACKED + zlib.compress(text, 1)


def _unpacked(payload: bytes) -> bytes:
    """ValueError when it is neither, or longer than anything that is meant."""
    kind, rest = payload[:1], payload[1:]
    if kind == _PLAIN:
        return rest
    if kind != _PACKED:
        raise ValueError("an unknown form")
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(rest, _MOST_UNPACKED)
    except zlib.error as problem:
        raise ValueError(str(problem)) from problem
    if not unpacking.eof:
        raise ValueError("cut off, or too long")
    return text


def _pack_problem(problem: LamplighterError) -> bytes:
    code = Unavailable.code if problem.retryable else problem.code
    return _PROBLEM + json.dumps({"code": code, "message": str(problem)}).encode()


METHODS = {
    name: _method(name, function)
    for name, function in vars(Control).items()
    if inspect.isfunction(function) and not name.startswith("_")
}
