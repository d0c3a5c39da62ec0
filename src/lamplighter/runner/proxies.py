"""What the agent is told of its proxies, in two files for its eyes only."""

import json

from lamplighter.control.face import ProxyPlan
from lamplighter.disk import remove, write_whole
from lamplighter.files import AttemptFolder

_LIST, _PLAN = "proxies.txt", "proxies.json"


def write(plan: ProxyPlan, folder: AttemptFolder) -> dict[str, str]:
    """Write the files of a plan; returns the environment that tells of them."""
    lines, file = folder.path / _LIST, folder.path / _PLAN
    write_whole(lines, "".join(f"{plan.proxies[place].url}\n" for place in plan.order).encode())
    document = {
        "rotation": plan.rotation.value,
        "start": plan.order[0],
        "proxies": [{"id": p.id, "url": p.url, "rested": dict(p.rested)} for p in plan.proxies],
    }
    write_whole(file, json.dumps(document).encode())
    names = ["HTTP_PROXY", "HTTPS_PROXY"]
    if plan.chosen.url.startswith("socks"):
        names.append("ALL_PROXY")
    addresses = dict.fromkeys((*names, *(name.lower() for name in names)), plan.chosen.url)
    return {"LAMPLIGHTER_PROXIES": str(lines), "LAMPLIGHTER_PROXY_PLAN": str(file)} | addresses


def forget(folder: AttemptFolder) -> None:
    """Remove the credentials from an attempt that has ended."""
    for name in (_LIST, _PLAN):
        remove(folder.path / name)
