"""A plant nursery on loopback: plants in lists, pictures, a site map, feeds of stock, a page for browsers only."""

import struct
import threading
import zlib
from collections.abc import Callable
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self

PAGE_SIZE = 4


class Plant(NamedTuple):
    """One plant of the nursery; ``pence`` None means that it is not for sale."""

    number: int
    name: str
    latin: str
    pence: int | None
    stock: int

    @property
    def price(self) -> str:
        return "" if self.pence is None else f"£{self.pence // 100}.{self.pence % 100:02}"


PLANTS = [
    Plant(1, "Bleeding heart", "Lamprocapnos spectabilis", 895, 12),
    Plant(2, "Blue passion flower", "Passiflora caerulea", 1450, 3),
    Plant(3, "Cup and saucer vine", "Cobaea scandens", None, 0),
    Plant(4, "Foxglove", "Digitalis purpurea", 350, 41),
    Plant(5, "Lady’s mantle", "Alchemilla mollis", 425, 18),
    Plant(6, "Lungwort", "Pulmonaria officinalis", 575, 7),
    Plant(7, "Monkshood", "Aconitum napellus", None, 2),
    Plant(8, "Sea holly", "Eryngium maritimum", 999, 5),
    Plant(9, "Snake’s head", "Fritillaria meleagris", 280, 60),
    Plant(10, "Sneezewort", "Achillea ptarmica", 640, 9),
]
FOR_SALE = [plant for plant in PLANTS if plant.pence is not None]
DEEPEST = 6


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>'
        '<body><nav><a href="/plants/">Plants</a> <a href="/path/1">Path</a> <a href="/private/till">Till</a></nav>'
        f"<h1>{escape(title)}</h1>{body}</body></html>"
    )


def _list(number: int) -> str:
    shown = PLANTS[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    rows = "".join(
        f'<li class="plant"><a href="/plant/{p.number}">{escape(p.name)}</a> <b class="price">{p.price}</b></li>'
        for p in shown
    )
    more = (
        f'<a rel="next" href="/plants/?page={number + 1}">more</a>'
        if number * PAGE_SIZE < len(PLANTS)
        else ""
    )
    return _page(f"Plants, page {number}", f"<ul>{rows}</ul>{more}")


def _plant(plant: Plant) -> str:
    return _page(
        plant.name,
        f'<img src="/pictures/{plant.number}.png" alt=""><p class="latin"> <i>{plant.latin}</i> </p>'
        f'<p class="price">{plant.price}</p><p class="stock">{plant.stock} in stock</p>'
        f'<a class="leaflet" href="/leaflets/{plant.number}.txt">How to grow it</a>',
    )


def _path(number: int) -> str:
    """A chain of pages, each one click deeper than the one before."""
    further = f'<a href="/path/{number + 1}">further</a>' if number < DEEPEST else ""
    return _page(f"Step {number}", further)


def _browser() -> str:
    names = ", ".join(f"'{plant.name}'" for plant in PLANTS[:3])
    return _page(
        "Today",
        '<ul id="today"></ul><script>setTimeout(() => { for (const name of ['
        + names
        + "]) { const row = document.createElement('li'); row.className = 'offer'; row.textContent = name;"
        " document.getElementById('today').append(row); } }, 50);</script>",
    )


def _sitemap(url: str) -> str:
    rows = "".join(f"<url><loc>{url}/plant/{plant.number}</loc></url>" for plant in PLANTS)
    others = f"<url><loc>{url}/path/1</loc></url>"
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{rows}{others}</urlset>'


def _stock_xml() -> str:
    rows = "".join(
        f'<plant id="{plant.number}"><name>{plant.name}</name><stock>{plant.stock}</stock></plant>'
        for plant in PLANTS
    )
    return f'<?xml version="1.0" encoding="utf-8"?><stock>{rows}</stock>'


def _stock_csv() -> str:
    return "".join(f"{plant.number};{plant.name};{plant.stock}\n" for plant in PLANTS)


def picture(number: int) -> bytes:
    """A small PNG of one colour."""
    size, row = 8, b"\x00" + bytes([number * 20, 120, 60]) * 8
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(row * size),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class Nursery:
    """The nursery as a context manager; ``visits`` holds the paths asked for, in order."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        nursery = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                nursery.visits.append(self.path)
                kind, content = nursery.answer(self.path, self.headers["Host"])
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, address: str, host: str) -> tuple[str, bytes]:
        """Content type and content for one address, as ``host`` says it; an empty type when there is nothing."""
        path, _, query = address.partition("?")
        name = path.removeprefix("/")
        if name in _FILES:
            kind, write = _FILES[name]
            return kind, write(f"http://{host}").encode()
        folder, _, rest = name.partition("/")
        number = int("".join(filter(str.isdigit, rest)) or 0)
        if folder == "plants":
            return _html(_list(int(query.removeprefix("page=") or 1)))
        if folder == "path" and 0 < number <= DEEPEST:
            return _html(_path(number))
        return _of_plant(folder, number)


def _of_plant(folder: str, number: int) -> tuple[str, bytes]:
    plant = next((plant for plant in PLANTS if plant.number == number), None)
    match folder:
        case "plant" if plant:
            return _html(_plant(plant))
        case "pictures" if plant:
            return "image/png", picture(number)
        case "leaflets" if plant:
            return "text/plain", f"Water {plant.latin}.\n".encode()
    return "", b"not here"


def _html(text: str) -> tuple[str, bytes]:
    return "text/html; charset=utf-8", text.encode()


_FILES: dict[str, tuple[str, Callable[[str], str]]] = {
    "": ("text/html", lambda _: _page("The nursery", '<a href="/plants/">All plants</a>')),
    "today": ("text/html", lambda _: _browser()),
    "private/till": ("text/html", lambda _: _page("Till", "Nothing for robots.")),
    "robots.txt": (
        "text/plain",
        lambda url: f"User-agent: *\nDisallow: /private/\nSitemap: {url}/sitemap.xml\n",
    ),
    "sitemap.xml": ("application/xml", _sitemap),
    "stock.xml": ("application/xml", lambda _: _stock_xml()),
    "stock.csv": ("text/csv", lambda _: _stock_csv()),
}
