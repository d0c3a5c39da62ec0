"""The Control Center: pages for people, over the same use cases as the API."""

from lamplighter.http.pages import agents, entrance, home, runs, schedules, times

PAGES = (entrance.router, home.router, agents.router, schedules.router, runs.router, times.router)
