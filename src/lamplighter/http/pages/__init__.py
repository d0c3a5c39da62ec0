"""The Control Center: pages for people, over the same use cases as the API."""

from lamplighter.http.pages import entrance, home

PAGES = (entrance.router, home.router)
