"""What usage costs: exact, in millionths of a credit, rounded once for each attempt and type of usage."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lamplighter.model import Usage, UsageType

CREDIT = 1_000_000
# Agents say themselves what went through their proxies; one that lies cannot spend more than this many credits.
_MOST = 1_000_000 * CREDIT


@dataclass(frozen=True, slots=True)
class Unit:
    """What a rate is for: so many milliseconds, bytes, inputs or records."""

    name: str
    size: int


UNITS: Mapping[UsageType, Unit] = MappingProxyType(
    {
        UsageType.SERVER_TIME: Unit("hour", 3_600_000),
        UsageType.EXPORT_GB: Unit("GB", 10**9),
        UsageType.AGENT_INPUTS: Unit("input", 1),
        UsageType.PROXY_DATA: Unit("GB", 10**9),
        UsageType.EXPORT_CPM: Unit("1000 records", 1000),
    }
)


def cost_of(kind: UsageType, used: int, rate: int) -> int:
    """The cost of ``used`` at ``rate`` for a unit; both rate and cost are in millionths of a credit.

    Halves are rounded up.
    """
    size = UNITS[kind].size
    return min((2 * used * rate + size) // (2 * size), _MOST)


def costs_of(used: Usage, rates: Usage) -> Usage:
    """The cost of each type of usage; what has no rate costs nothing."""
    return {kind: cost_of(kind, amount, rates.get(kind, 0)) for kind, amount in used.items()}
