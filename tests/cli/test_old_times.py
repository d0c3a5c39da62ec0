"""Times of another system: lists of them, and what cron writes into the log."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.cli.move_in.old_times import read_times
from lamplighter.errors import InvalidInput

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SYSLOG = """\
Dec 31 23:59:01 web CRON[812]: (ada) CMD (/opt/backup.sh)
Mar  9 09:00:01 web CRON[9001]: (ada) CMD (cd /srv/shop && scrapy crawl books (new))
Mar  9 09:00:02 web sshd[77]: Accepted publickey for ada
Mar  9 10:17:01 web CRON[9100]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)
Mar  9 11:00:00 web CROND[9120]: (ada) CMDEND (cd /srv/shop && scrapy crawl books (new))
Mar 10 09:00:01 web CRON[9333]: (ada) CMD (cd /srv/shop && scrapy crawl books (new))
"""
JOURNAL = """\
-- Boot 4f2 --
2026-03-09T09:00:01+0100 web CRON[9001]: (ada) CMD (/opt/backup.sh)
2026-03-09T09:00:01+0100 web CRON[9000]: pam_unix(cron:session): session opened for user ada
2026-03-09T09:30:01.123456+01:00 web CROND[9001]: (ada) CMD (/opt/backup.sh)
"""


def read(text: str, command: str | None = None) -> list[str]:
    return read_times(text, BERLIN, NOW, command)


def test_times_are_read_one_a_line() -> None:
    text = "# old times\n2026-03-01T09:00:00Z\n\n2026-03-01T09:00:00+01:00\n2026-03-01 09:00\n"
    assert read(text) == ["2026-03-01T09:00:00.000Z", "2026-03-01T08:00:00.000Z", "2026-03-01T08:00:00.000Z"]


def test_the_lines_of_cron_for_one_command_are_its_times() -> None:
    assert read(SYSLOG, "crawl books") == ["2026-03-09T08:00:01.000Z", "2026-03-10T08:00:01.000Z"]
    assert read(SYSLOG, "run-parts") == ["2026-03-09T09:17:01.000Z"]


def test_a_line_without_a_year_is_of_the_last_one_that_is_not_to_come() -> None:
    assert read(SYSLOG, "backup") == ["2025-12-31T22:59:01.000Z"]


def test_lines_of_the_journal_have_their_offset() -> None:
    assert read(JOURNAL) == ["2026-03-09T08:00:01.000Z", "2026-03-09T08:30:01.123Z"]


def test_which_command_is_meant_must_be_clear() -> None:
    with pytest.raises(
        InvalidInput, match=r"which command is meant; those there are: /opt/backup\.sh; cd /srv"
    ):
        read(SYSLOG)
    with pytest.raises(InvalidInput, match="no line of cron has 'x y z'"):
        read(SYSLOG, "x y z")


def test_a_whole_command_is_meant_before_one_that_only_has_it_in_it() -> None:
    line = "Mar  9 09:00:0{} web CRON[9001]: (ada) CMD (/opt/a.sh{})"
    assert read("\n".join([line.format(1, ""), line.format(2, " --again")]), "/opt/a.sh") == [
        "2026-03-09T08:00:01.000Z"
    ]


@pytest.mark.parametrize(
    "text", ["at nine", "2026-13-01T09:00:00Z", "Foo 31 09:00:00 web x", "Feb 30 09:00:00 web x"]
)
def test_a_line_that_is_no_time_is_named(text: str) -> None:
    with pytest.raises(InvalidInput, match="line 2 does not begin with a time"):
        read(f"2026-03-01T09:00:00Z\n{text}\n")


def test_a_log_without_a_line_of_cron_is_none() -> None:
    with pytest.raises(InvalidInput, match="no lines of cron"):
        read("Mar  9 09:00:02 web sshd[77]: Accepted publickey for ada\n")


def test_an_hour_that_exists_twice_is_read_in_the_order_of_the_lines() -> None:
    lines = "\n".join(f"2025-10-26 {clock}" for clock in ("02:00", "02:30", "02:00", "02:30", "03:00"))
    found = read(lines)
    assert [text[11:16] for text in found] == ["00:00", "00:30", "01:00", "01:30", "02:00"]


instants = st.integers(1_700_000_000, 1_770_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(st.lists(instants, max_size=10))
def test_times_with_an_offset_come_out_as_they_are(times: list[datetime]) -> None:
    text = "\n".join(time.astimezone(BERLIN).isoformat() for time in times)
    assert [datetime.fromisoformat(one) for one in read(text)] == times


@given(st.integers(0, 363 * 86_400))
def test_lines_of_cron_of_a_year_are_read_as_they_were_written(ago: int) -> None:
    time = NOW - timedelta(seconds=ago)
    line = f"{time:%b} {time.day:>2} {time:%H:%M:%S} host CRON[1]: (root) CMD (x)"
    assert [datetime.fromisoformat(one) for one in read_times(line, UTC, NOW, None)] == [time]
