"""What is wrong with the records, and what a failure was called by whoever decided it."""

import re

from lamplighter.planner.diagnosis.symptoms import (
    Clue,
    Confidence,
    Kind,
    Rule,
    Symptoms,
    listed,
    many,
    short,
)
from lamplighter.planner.diagnosis.words import started

# How verdicts begin, by whose words they are.
_OF_SERVER = (
    "exit status",
    "killed by",
    "could not",
    "time-out",
    "server lost",
    "vanished",
    "not delivered",
    "baseline:",
    "min_records:",
    "max_errors:",
    "required_fields:",
    "schema:",
)
_OF_SCRAPY = (
    "No page could be loaded",
    "The spider raised",
    "No item came through",
    "A feed failed",
    "The crawl ",
    "The finish reason",
    "There is no spider named",
)
_DROPPED = 0.5  # a field that is filled in less of the records than this part of before has been lost


def _good_pages(s: Symptoms) -> int:
    """Pages that came without an error, robots.txt not among them where that is known."""
    counts = list(s.answers.values())
    if not counts and s.forbidden_by_robots:
        return 0
    if not counts and not s.statuses:
        return s.pages
    return sum(n for statuses in counts or [s.statuses] for status, n in statuses.items() if status < 400)


def _compare_versions(s: Symptoms) -> tuple[str, ...]:
    if s.good_version is None or s.good_version == s.version:
        return ()
    restore = (
        f"{s.command_for_agent('agent restore', str(s.good_version))} brings version {s.good_version} back"
    )
    return (
        (
            f"The last good run had version {s.good_version} of the agent, this one version"
            f" {s.version}: if the change is to"
            f" blame, {restore}"
        ),
    )


def _look(s: Symptoms) -> tuple[str, ...]:
    if s.page and s.page.file:
        return (
            f"Compare the selectors with the page that came: {s.command('run download', '--file', s.page.file)}",
        )
    again = s.command_for_agent("run start", "--log-mode", "TextAndHtml")
    return (f"Compare the selectors with the pages that come: {again} keeps them",)


def _titled(s: Symptoms) -> tuple[str, ...]:
    return (f"the kept page is titled {short(s.page.title, 80)!r}",) if s.page and s.page.title else ()


def _is_in_vain(s: Symptoms) -> bool:
    """Pages came, they were no walls, nothing was raised, and still there is no record."""
    walled = sum(wall.count for wall in s.walls if wall.status < 400)
    is_wall = bool(s.page and s.page.wall)
    return (
        not s.records and _good_pages(s) > walled and not is_wall and not s.undelivered and not s.exceptions
    )


def _needs_script(s: Symptoms) -> Clue | None:
    if not _is_in_vain(s) or s.page is None or not s.page.needs_script:
        return None
    return Clue(
        Confidence.LIKELY,
        f"The page is made by JavaScript in the browser: what the site sends has no content{_at(s)}",
        (
            "Take the data from where the page takes it: look for JSON requests in the network view of a browser",
            "Or open the pages with a browser: for Scrapy the package scrapy-playwright",
            *_look(s),
        ),
        ("the kept page is empty but for scripts, or asks for JavaScript", *_titled(s)),
    )


def _at(s: Symptoms) -> str:
    return f" ({short(s.page.url)})" if s.page and s.page.url else ""


def _nothing(s: Symptoms) -> Clue | None:
    if not _is_in_vain(s) or _needs_script(s):
        return None
    pages = many(_good_pages(s), "page")
    before = f"; the last good run had {many(s.good_records, 'record')}" if s.good_records else ""
    verb, them = ("was", "it") if _good_pages(s) == 1 else ("were", "them")
    return Clue(
        Confidence.LIKELY,
        f"{pages} {verb} fetched without an error, and no record came of {them}{before}: the selectors"
        " do not match (any"
        " more)",
        (*_compare_versions(s), *_look(s), "Mend the selectors and deploy: `lamplighter agent deploy DIR`"),
        (f"{pages} fetched, 0 records", *_titled(s)),
    )


def _fields(s: Symptoms) -> Clue | None:
    lost = [field for field in s.fields if field.then > 0 and field.now < _DROPPED * field.then]
    required = re.match(r"required_fields: ([\d,]+) of ([\d,]+ records?) lack '(.*?)'(?:;|$)", s.message)
    if required is None and not lost:
        return None
    names = [required[3]] if required else []
    names += [field.name for field in lost if field.name not in names]
    if required and required[1] == required[2].partition(" ")[0]:
        told = f"no record has the field {required[3]!r}, which is required"
    elif required:
        told = f"{required[1]} of {required[2]} lack the field {required[3]!r}, which is required"
    else:
        told = (
            f"the field {lost[0].name!r} is filled in {lost[0].now:.0%} of the records; in the"
            f" last good run in {lost[0].then:.0%}"
        )
    more = (
        f". Others are filled less than before: {listed([repr(n) for n in names[1:]])}"
        if len(names) > 1
        else ""
    )
    evidence = [f"{field.name}: {field.then:.0%} before, {field.now:.0%} now" for field in lost[:5]]
    return Clue(
        Confidence.LIKELY if required or s.good_version == s.version else Confidence.POSSIBLE,
        f"The selectors of some fields do not match (any more): {told}{more}",
        (
            *_compare_versions(s),
            f"Look at the records: {s.command('run records')}",
            *_look(s),
            (
                "Mend the selectors; or take the field out of `required_fields` under `[success]` if the"
                " site has it no more"
            ),
        ),
        (*([short(s.message)] if required else []), *evidence),
    )


def _schema(s: Symptoms) -> Clue | None:
    found = re.match(r"(schema: (.+?) do not match; the first is record [\d,]+: (.+))", s.message)
    if found is None:
        return None
    reason = found[3].rpartition("; ")[0] or found[3]
    return Clue(
        Confidence.CERTAIN,
        f"Records do not fit the schema (any more): {found[2]} do not match; the first at {short(reason, 300)}",
        (
            *_compare_versions(s),
            f"Look at the records: {s.command('run records')}",
            (
                "Mend how the agent reads the field, or `schema` under `[success]` in agent.toml if the"
                " site has changed for good"
            ),
        ),
        (short(s.message, 400),),
    )


def _delivery(s: Symptoms) -> Clue | None:
    if (
        not s.undelivered
        and not started(s, "not delivered to")
        and "combined export could not be made" not in s.message
    ):
        return None
    reason = s.message.partition("; the records are kept")[0]
    return Clue(
        Confidence.CERTAIN,
        f"Everything was extracted, and the records could not be delivered: {short(reason, 400)}",
        (
            (
                "Check the destination (address, rights, room) and its secrets: `lamplighter secret list`; it is"
                " `destination` under `[export]` in agent.toml"
            ),
            f"Then deliver, without running anything again: {s.command('run restart')}",
            f"The records are there meanwhile: {s.command('run records')}",
        ),
        (short(reason, 400),),
    )


# --- what the verdict says, which follows from something ---


def _criterion(s: Symptoms, name: str, says: str, actions: tuple[str, ...]) -> Clue | None:
    if not started(s, f"{name}: "):
        return None
    told = s.message.removeprefix(f"{name}: ").partition("; ")[0]
    return Clue(Confidence.CERTAIN, f"{says}: {short(told, 400)}", actions, (short(s.message, 400),))


def _min_records(s: Symptoms) -> Clue | None:
    return _criterion(
        s,
        "min_records",
        "There are too few records",
        (
            f"See what was extracted: {s.command('run records')}",
            "If so few are right, lower `min_records` under `[success]` in agent.toml",
        ),
    )


def _max_errors(s: Symptoms) -> Clue | None:
    return _criterion(
        s,
        "max_errors",
        "There were too many errors",
        (
            f"Find them in the log: {s.command('run logs')}",
            "If so many are to be expected, raise `max_errors` under `[success]` in agent.toml",
        ),
    )


def _baseline(s: Symptoms) -> Clue | None:
    if not started(s, "baseline: "):
        return None
    return Clue(
        Confidence.CERTAIN,
        f"Far less was extracted than usual: {short(s.message.removeprefix('baseline: '), 400)}",
        (
            *_compare_versions(s),
            f"Look at what is other than before: {s.command('run evidence')}",
            (
                "If the site has less for good, set `baseline` under `[success]` to `warn`: after some"
                " runs it is the usual"
            ),
        ),
        (short(s.message, 400),),
    )


def _problem(s: Symptoms) -> Clue | None:
    """A sentence of the agent's own."""
    told = _sentence(s)
    return None if told is None or told.startswith(_OF_SCRAPY) else _told(s, "The agent reports", told)


def _scrapy_problem(s: Symptoms) -> Clue | None:
    """A sentence that is made of what Scrapy tells; it repeats what other rules see better."""
    told = _sentence(s)
    return _told(s, "Scrapy tells", told) if told is not None and told.startswith(_OF_SCRAPY) else None


def _sentence(s: Symptoms) -> str | None:
    """What the verdict has from the agent; None when it is the server's own."""
    text = re.sub(r"^exit status \d+: ", "", s.message)
    return None if not text or text.startswith(_OF_SERVER) else text.rpartition("; ")[0] or text


def _told(s: Symptoms, who: str, told: str) -> Clue:
    return Clue(
        Confidence.CERTAIN,
        f"{who}: {short(told, 400)}",
        (f"Read the log: {s.command('run logs')}", f"Read what was kept: {s.command('run evidence')}"),
        (short(s.message, 400),),
    )


RULES = (
    Rule("delivery.failed", "the records could not be delivered", "the verdict", _delivery),
    Rule("records.schema", "records do not fit the schema", "the verdict, which names the field", _schema),
    Rule(
        "page.needs-script",
        "the page is made by JavaScript",
        "pages without records, the kept page",
        _needs_script,
    ),
    Rule(
        "records.none",
        "pages came, and no record: the selectors do not match",
        "statuses of the answers, the counters, the last good run",
        _nothing,
    ),
    Rule(
        "records.field",
        "a field got lost",
        "`required_fields`, the fields of the last good run",
        _fields,
    ),
    Rule(
        "records.fewer",
        "far less than usual",
        "the runs before (`success.baseline`)",
        _baseline,
        Kind.OUTCOME,
    ),
    Rule("records.min", "fewer records than `min_records`", "the verdict", _min_records, Kind.OUTCOME),
    Rule("errors.max", "more errors than `max_errors`", "the verdict", _max_errors, Kind.OUTCOME),
    Rule("agent.problem", "the agent says so", "a problem that it reported", _problem),
    Rule("crawl.problem", "Scrapy says so", "the verdict", _scrapy_problem, Kind.FALLBACK),
)
