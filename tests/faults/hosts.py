"""Hosts of a fleet on one machine: network namespaces on a bridge, each with a cable that can be cut."""

import os
import subprocess
from contextlib import ExitStack
from itertools import count

_NUMBERS = count(2)


class Network:
    """A bridge with this machine on it as ``address``, and hosts that are added. Needs root and iproute2."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._mark = f"{os.getpid() % 100_000}"
        self._bridge = f"lmp{self._mark}"
        self._subnet = f"10.213.{os.getpid() % 250}"
        self.address = f"{self._subnet}.1"
        _ip("link", "add", self._bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", self._bridge)
        _ip("addr", "add", f"{self.address}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")

    def host(self) -> "Host":
        """One more host."""
        number = next(_NUMBERS)
        name, cable = f"lamplighter-{self._mark}-{number}", f"lv{self._mark}.{number}"
        _ip("netns", "add", name)
        self._stack.callback(_ip, "netns", "del", name)
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", cable, "master", self._bridge, "up")
        _ip("-n", name, "addr", "add", f"{self._subnet}.{number}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        return Host(name, cable)


class Host:
    """A host, as a place where programs are started. ``cut`` takes it off the network, and ``heal`` back."""

    def __init__(self, name: str, cable: str) -> None:
        self.prefix = ("ip", "netns", "exec", name)
        self._cable = cable

    def cut(self) -> None:
        """From now on nothing goes in or out, and nobody is told."""
        _ip("link", "set", self._cable, "down")

    def heal(self) -> None:
        """All is as before."""
        _ip("link", "set", self._cable, "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
