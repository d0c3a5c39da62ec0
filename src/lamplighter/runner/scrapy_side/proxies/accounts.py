"""How each proxy did for each host, as the report tells it."""

from dataclasses import dataclass
from typing import Any

MOST_ACCOUNTS = 1000
OTHER_HOSTS = "*"  # of a crawl of very many hosts


@dataclass(slots=True)
class Account:
    """Of one proxy and one host; ``traffic`` is in bytes, both ways."""

    requests: int = 0
    failures: int = 0
    traffic: int = 0
    failures_in_row: int = 0
    last_error: str | None = None
    at_proxy: bool = False

    def succeed(self, traffic: int) -> None:
        """One more request that was answered."""
        self.requests += 1
        self.traffic += traffic
        self.failures_in_row = 0

    def fail(self, traffic: int, error: str, at_proxy: bool) -> None:
        """One more that was not, or that was turned away; ``at_proxy`` when it was the proxy's fault."""
        self.requests += 1
        self.traffic += traffic
        self.failures += 1
        self.failures_in_row += 1
        self.last_error, self.at_proxy = error, at_proxy


class Accounts:
    """All of them."""

    def __init__(self) -> None:
        self._accounts: dict[tuple[int, str], Account] = {}
        self._down: dict[int, list[Account]] = {}  # with a failure in a row that was the proxy's own fault

    def succeed(self, proxy_id: int, host: str, traffic: int) -> None:
        """A request was answered: the proxy works, whatever it was that it did not do before."""
        self._of(proxy_id, host).succeed(traffic)
        for account in self._down.pop(proxy_id, []):
            account.failures_in_row = 0

    def fail(self, proxy_id: int, host: str, traffic: int, error: str, at_proxy: bool) -> None:
        """A request was not answered, or turned away."""
        account = self._of(proxy_id, host)
        account.fail(traffic, error, at_proxy)
        down = self._down.setdefault(proxy_id, []) if at_proxy else []
        if not any(known is account for known in down):
            down.append(account)

    def _of(self, proxy_id: int, host: str) -> Account:
        """That of the host; when there are very many hosts, one for all the others."""
        if (proxy_id, host) not in self._accounts and len(self._accounts) >= MOST_ACCOUNTS:
            host = OTHER_HOSTS
        return self._accounts.setdefault((proxy_id, host), Account())

    def told(self) -> list[dict[str, Any]]:
        """Since the run began, in the form of the report."""
        return [
            {
                "id": proxy_id,
                "host": host,
                "requests": account.requests,
                "failures": account.failures,
                "traffic": account.traffic,
                "failuresInRow": account.failures_in_row,
                "lastError": account.last_error,
                "atProxy": account.at_proxy,
            }
            for (proxy_id, host), account in self._accounts.items()
        ]
