"""The Control Center: pages for people, over the same use cases as the API."""

from lamplighter.http.pages import (
    agents,
    audit,
    entrance,
    home,
    notifications,
    people,
    resources,
    runs,
    schedules,
    settings,
    times,
    usage,
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
    usage.router,
    audit.router,
    settings.router,
)
