"""What a person is shown when the server has a defect."""

from typing import cast

import anyio
import httpx

from lamplighter.http.api.access import Services
from lamplighter.http.app import create_app


def test_a_defect_is_a_page_for_a_person_and_a_document_for_a_program() -> None:
    app = create_app(cast(Services, None))  # so that every use case is a defect

    async def ask(accept: str, path: str) -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        cookies = {"lamplighter_session": "x"}
        async with httpx.AsyncClient(transport=transport, base_url="http://test", cookies=cookies) as client:
            return await client.get(path, headers={"Accept": accept, "Authorization": "ApiKey x"})

    page = anyio.run(ask, "text/html", "/agents")
    assert page.status_code == 500
    assert page.headers["content-type"].startswith("text/html")
    assert "its log says what" in page.text
    assert "Traceback" not in page.text
    document = anyio.run(ask, "application/json", "/agents")
    assert document.headers["content-type"] == "application/problem+json"
    of_the_api = anyio.run(ask, "text/html", "/api/v1/agent/all")
    assert of_the_api.headers["content-type"] == "application/problem+json"
