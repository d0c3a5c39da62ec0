"""The control of a server at the other end of a real broker, for tests that carry out runs in their own process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from lamplighter.bus.connection import Bus
from lamplighter.clock import SystemClock
from lamplighter.control.desk import Desk
from lamplighter.control.remote import remote_control
from lamplighter.runner.attempt import Workshop
from real_nats import RealNats
from running_server import eventually
from virtual_clock import VirtualClock


@contextmanager
def connection(broker: RealNats, name: str) -> Iterator[Bus]:
    """A connection to the broker that is there."""
    bus = Bus([broker.url], name, clock=SystemClock())
    bus.start()
    try:
        eventually(lambda: bus.is_connected)
        yield bus
    finally:
        bus.close()


@contextmanager
def over_the_broker(shop: Workshop, clock: VirtualClock, broker: RealNats, name: str) -> Iterator[Workshop]:
    """The same workshop, far from its database: its control is asked for over the broker."""
    with connection(broker, "control") as near, connection(broker, name) as far:
        desk = Desk(near, clock, lambda _name: shop.control, lambda: None)
        desk.pass_once(clock.now())
        yield replace(shop, control=remote_control(far, name))
        desk.close()
