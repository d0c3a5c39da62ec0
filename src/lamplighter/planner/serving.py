"""What is said when a group of servers is needed and no live server serves it."""

import shlex

WAITS_FOR_GROUP = "waits for a server of "
"""How the message of a run begins that queues for such a group."""


def waits_for_group(group_id: int, name: str | None) -> str:
    """The message of a run that queues for the group; ``name`` None: the group was removed."""
    if name is None:
        return f"{WAITS_FOR_GROUP}group {group_id}, which was removed: stop the run"
    return f"{WAITS_FOR_GROUP}the group '{name}': {_nobody(name)}"


def runs_will_wait_for_group(group_id: int, name: str | None) -> str:
    """The warning on a schedule whose runs are for the group."""
    if name is None:
        return f"server group {group_id} was removed: the schedule's runs stay in Queuing"
    return f"its runs will wait for a server of the group '{name}': {_nobody(name)}"


def _nobody(name: str) -> str:
    return f"no live server serves it (start one with lamplighter up --group {shlex.quote(name)})"
