"""A workshop on a real database, for tests that carry out runs in their own process."""

from datetime import timedelta
from pathlib import Path

from cryptography.fernet import Fernet

from lamplighter.control.plane import ControlPlane
from lamplighter.files import Files
from lamplighter.runner.attempt import Workshop
from lamplighter.runner.environments import Environments
from lamplighter.store.database import Database
from lamplighter.vault import Vault
from virtual_clock import VirtualClock


def make_workshop(
    db: Database, folder: Path, clock: VirtualClock, name: str = "here", vault: Vault | None = None
) -> Workshop:
    """What the attempts of the server ``name`` share, with its files in ``folder``."""
    control = ControlPlane(db, clock, vault or Vault(Fernet.generate_key()), name, lambda: None)
    environments = Environments(folder / "environments")
    return Workshop(control, Files(folder), clock, timedelta(seconds=5), environments)
