"""Which pages are walls against robots, and which only look a little like one."""

import pytest

from lamplighter.runner.walls import wall_of

BOOKS = b"<title>Books</title>" + b"<li class='book'><b>A book</b></li>" * 1000


@pytest.mark.parametrize(
    ("page", "status", "wall"),
    [
        ("<title>Just a moment...</title>", 403, "a Cloudflare challenge"),
        ("<title>Attention Required! | Cloudflare</title>", 403, "a Cloudflare block page"),
        ("<h1>Sorry, you have been blocked</h1>", 403, "a Cloudflare block page"),
        ("<p>error code: 1015</p>", 429, "a Cloudflare block page"),
        ("<script src='https://geo.captcha-delivery.com/c.js'>", 403, "a DataDome challenge"),
        ("<div id='px-captcha'></div>", 403, "a HUMAN (PerimeterX) challenge"),
        ("<title>Pardon Our Interruption</title>", 200, "an Imperva (Incapsula) block page"),
        ("Reference&#32;&#35;18.2d", 403, "an Akamai block page"),
        ("<script>window.gokuProps = {}</script>", 202, "an AWS WAF challenge"),
        ("<script>window.KPSDK={}</script>", 429, "a Kasada challenge"),
        ("<title>Sucuri WebSite Firewall - Access Denied</title>", 403, "a Sucuri block page"),
        ("The requested URL was rejected. Please consult with", 200, "an F5 block page"),
        ("<p>Our systems have detected unusual traffic</p>", 429, "a Google block page"),
        ("<form action='/errors/validateCaptcha'>", 200, "an Amazon captcha"),
        ("<div class='h-captcha'></div>", 200, "a captcha"),
        ("<h1>Access Denied</h1>", 403, 'an "access denied" page'),
    ],
)
def test_known_walls_are_called_by_their_names(page: str, status: int, wall: str) -> None:
    assert wall_of(page.encode(), status) == wall


@pytest.mark.parametrize(
    ("headers", "status", "wall"),
    [
        ({"cf-mitigated": "challenge"}, 403, "a Cloudflare challenge"),
        ({"x-amzn-waf-action": "captcha"}, 405, "an AWS WAF captcha"),
        ({"x-datadome": "protected"}, 403, "a DataDome challenge"),
    ],
)
def test_an_answer_may_say_by_its_headers_that_it_is_a_wall(
    headers: dict[str, str], status: int, wall: str
) -> None:
    assert wall_of(b"", status, headers) == wall


@pytest.mark.parametrize(
    ("page", "status", "headers"),
    [
        (b"<p>No such book</p>", 404, {"x-datadome": "protected"}),  # which every answer of such a site has
        (b"<p>No such book</p>", 404, {}),
        (BOOKS, 200, {"x-datadome": "protected"}),
        (BOOKS + b"<div class='g-recaptcha'></div>", 200, {}),  # beside a comment form
        (b"<script src='https://a.token.awswaf.com/challenge.js'></script>" + BOOKS, 200, {}),
        (b"<script src='//static.queue-it.net/script/queueclient.min.js'></script>" + BOOKS, 200, {}),
        (b"<form><input type=\"password\"><div class='h-captcha'></div></form>", 200, {}),
        (b"<div id='cf-error-details'>Bad gateway, error code 502</div>", 502, {}),  # the site is down
    ],
)
def test_pages_with_something_of_a_wall_are_none(page: bytes, status: int, headers: dict[str, str]) -> None:
    assert wall_of(page, status, headers) is None
