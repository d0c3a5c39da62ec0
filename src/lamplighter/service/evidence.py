"""Use cases of failure evidence: reading what was gathered when an attempt failed."""

import json
from typing import Any

from lamplighter.errors import NotFound
from lamplighter.files import Files
from lamplighter.masking import Mask
from lamplighter.model import Actor, Run, RunStatus
from lamplighter.service.runs import Runs

_NAME = "evidence.json"
_LARGEST = 8 * 1024**2
_ENDED_WELL = (RunStatus.COMPLETED, RunStatus.SUCCESS)


class FailureEvidence:
    """The evidence of failed attempts."""

    def __init__(self, runs: Runs, files: Files) -> None:
        self._runs = runs
        self._files = files

    def read(self, actor: Actor, agent_id: int, run_id: int, attempt: int | None = None) -> dict[str, Any]:
        """The evidence of an attempt, or of the newest one; NotFound when there is none."""
        run = self._runs.get(actor, agent_id, run_id)
        number = run.attempt if attempt is None else attempt
        document = self.kept(run, number)
        if document is None:
            raise NotFound(self._why_none(run, number))
        return document

    def kept(self, run: Run, attempt: int) -> dict[str, Any] | None:
        """The evidence of an attempt with secrets hidden; None when there is none that can be read."""
        document = self._document(run, attempt)
        mask = self._runs.mask(run)
        try:
            return _masked(document, mask) if document and mask else document
        except RecursionError:
            return None

    def _document(self, run: Run, attempt: int) -> dict[str, Any] | None:
        if attempt > run.attempt or (attempt == run.attempt and run.status in _ENDED_WELL):
            return None
        file = self._files.open_of_run(self._files.attempt(run.id, attempt).evidence / _NAME)
        if file is None:
            return None
        with file:
            content = file.read(_LARGEST)
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None

    def _why_none(self, run: Run, attempt: int) -> str:
        if attempt > run.attempt:
            return f"run {run.id} has had {run.attempt} attempts, so there is no attempt {attempt}"
        earlier = [n for n in range(1, run.attempt) if self._document(run, n) is not None]
        where = f"; there is some of attempt {earlier[-1]}" if earlier else ""
        return (
            f"there is no evidence of attempt {attempt} of run {run.id}, which is"
            f" {run.status.name.capitalize()}: it is kept when the process of an attempt has failed{where}"
        )


def _masked(value: Any, mask: Mask) -> Any:
    """The value with all secrets hidden in its text, as they are in the log."""
    if isinstance(value, str):
        return mask.text(value)
    if isinstance(value, list):
        return [_masked(part, mask) for part in value]
    if isinstance(value, dict):
        return {mask.text(name): _masked(part, mask) for name, part in value.items()}
    return value
