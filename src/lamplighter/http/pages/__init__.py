"""The Control Center: pages for people, over the same use cases as the API."""

from lamplighter.http.pages import (
    accounts,
    agents,
    entrance,
    home,
    house,
    notifications,
    people,
    resources,
    runs,
    schedules,
    times,
)

PAGES = (
    entrance.router,
    home.router,
    agents.router,
    schedules.router,
    runs.router,
    times.router,
    resources.router,
    people.router,
    notifications.router,
    accounts.router,
    house.router,
)
