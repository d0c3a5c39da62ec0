"""What a cron expression may not say, and that the refusal names the field and a way out."""

import pytest

from lamplighter.errors import InvalidInput
from lamplighter.triggers import CronTrigger, parse_cron

REFUSED = [
    ("", "0 fields", "exactly five"),
    ("   \t ", "0 fields", "exactly five"),
    ("* * * *", "4 fields", "exactly five"),
    ("0 0 9 * * *", "6 fields", "seconds and years are not supported"),
    ("0 0 9 * * * 2026", "7 fields", "seconds and years are not supported"),
    ("@reboot", "@reboot is not a time", "@hourly"),
    ("@every 5m", "not a macro", "@hourly"),
    ("TZ=Europe/Berlin 0 9 * * *", "timezone", "set the schedule's timezone"),
    ("CRON_TZ=Europe/Berlin 0 9 * * *", "timezone", "set the schedule's timezone"),
    ("H * * * *", "minute", "random time"),
    ("H/15 * * * *", "minute", "random time"),
    ("H(0-29) * * * *", "minute", "random time"),
    ("0 R * * *", "hour", "random time"),
    ("60 * * * *", "minute: '60' is out of range", "0 to 59"),
    ("0 24 * * *", "hour: '24' is out of range", "0 to 23"),
    ("0 0 0 * *", "day of month: '0' is out of range", "1 to 31"),
    ("0 0 32 * *", "day of month: '32' is out of range", "1 to 31"),
    ("0 0 * 13 *", "month: '13' is out of range", "1 to 12"),
    ("0 0 * 0 *", "month: '0' is out of range", "1 to 12"),
    ("0 0 * * 8", "day of week: '8' is out of range", "0 to 7"),
    ("30-10 * * * *", "minute: the range '30-10' runs backward", "30-59,0-10"),
    ("0 22-2 * * *", "hour: the range '22-2' runs backward", "22-23,0-2"),
    ("0 0 * nov-feb *", "month: the range 'nov-feb' runs backward", "11-12,1-2"),
    ("0 0 * * fri-sun", "day of week: the range 'fri-sun' runs backward", "5-7"),
    ("0 0 * * 7-1", "day of week: the range '7-1' runs backward", "use 0-1"),
    ("*/0 * * * *", "minute: the step of '*/0' would never advance", "1 to 60"),
    ("*/61 * * * *", "minute: the step of '*/61' is larger than the field", "1 to 60"),
    ("0 */25 * * *", "hour: the step of '*/25' is larger than the field", "1 to 24"),
    ("0 0 */32 * *", "day of month: the step", "1 to 31"),
    ("0 0 * */13 *", "month: the step", "1 to 12"),
    ("0 0 * * */8", "day of week: the step", "1 to 7"),
    ("*/ * * * *", "minute: the step of '*/' is not a number", "1 to 60"),
    ("*/x * * * *", "minute: the step of '*/x' is not a number", "1 to 60"),
    ("*/5/5 * * * *", "minute: the step of '*/5/5' is not a number", "1 to 60"),
    ("1,,2 * * * *", "minute: '1,,2' has an empty entry", "remove the extra comma"),
    ("1, * * * *", "minute: '1,' has an empty entry", "remove the extra comma"),
    ("5- * * * *", "minute: '5-' is incomplete", "0 to 59"),
    ("-5 * * * *", "minute: '-5' is incomplete", "0 to 59"),
    ("+5 * * * *", "minute: '+5' is not understood", "0 to 59"),
    ("5.5 * * * *", "minute: '5.5' is not understood", "0 to 59"),
    ("1-2-3 * * * *", "minute: '1-2-3' is not understood", "0 to 59"),
    ("? * * * *", "minute: '?' is only for day of month and day of week", "'*'"),
    ("0 0 1,? * *", "day of month: '?' is only for", "'*'"),
    ("5_0 * * * *", "minute: '5_0' is not understood", "0 to 59"),
    ("0x10 * * * *", "minute: '0x10' is not understood", "0 to 59"),
    ("1e1 * * * *", "minute: '1e1' is not understood", "0 to 59"),
    ("0 mon * * *", "hour: 'mon' is not understood", "0 to 23"),
    ("0 0 * january *", "month: 'january' is not a name", "use JAN"),
    ("0 0 * * monday", "day of week: 'monday' is not a name", "use MON"),
    ("0 0 * mon *", "month: 'mon' is not understood", "1 to 12 or JAN to DEC"),
    ("0 0 * * jan", "day of week: 'jan' is not understood", "0 to 7 or SUN to SAT"),
    ("L * * * *", "minute: 'l' is not understood", "0 to 59"),
    ("0 0 L-0 * *", "day of month: 'l-0' is not understood", "L-1 to L-30"),
    ("0 0 L-31 * *", "day of month: 'l-31' is not understood", "L-1 to L-30"),
    ("0 0 L-3W * *", "day of month: 'l-3w' is not understood", "L-1 to L-30"),
    ("0 0 32W * *", "day of month: '32' is out of range", "1 to 31"),
    ("0 0 W * *", "day of month: 'w' is incomplete", "1 to 31"),
    ("0 0 1-5W * *", "day of month: '1-5w' is not understood", "1 to 31"),
    ("0 0 * * L", "day of week: 'L' alone is ambiguous", "6L"),
    ("0 0 * * 8L", "day of week: '8' is out of range", "0 to 7"),
    ("0 0 * * 1#0", "day of week: '1#0' has no such week", "#1 to #5"),
    ("0 0 * * 1#6", "day of week: '1#6' has no such week", "#1 to #5"),
    ("0 0 * * 1#", "day of week: '1#' has no such week", "#1 to #5"),
    ("0 0 * * *#1", "day of week: '*#1' is incomplete", "0 to 7"),
    ("0 0 * * 1-5#1", "day of week: '1-5#1' is not understood", "0 to 7"),
    ("0 0 30 2 *", "day of month, month and day of week: no date ever matches", "choose days"),
    ("0 0 31 2,4,6 *", "no date ever matches '31 2,4,6 *'", "choose days"),
    ("0 0 L-30 4 *", "no date ever matches", "choose days"),
    ("0 0 30W 2 *", "no date ever matches", "choose days"),
    ("0 9 * * *\n", "the character '\\n' at position 10", "plain ASCII on one line"),
    ("0 9 * *\n*", "the character '\\n' at position 8", "plain ASCII on one line"),
    ("0\u00a09 * * *", "the character '\\xa0' at position 2", "plain ASCII"),
    ("\u0665 * * * *", "the character '\\u0665' at position 1", "plain ASCII"),
    ("\uff15 * * * *", "the character '\\uff15' at position 1", "plain ASCII"),
    ("*\0 * * * *", "the character '\\x00' at position 2", "plain ASCII"),
    ("9" * 10_000 + " * * * *", "10008 characters", "at most 256"),
    ("9" * 200 + " * * * *", "is out of range", "0 to 59"),
    (",".join(["1"] * 10_000) + " * * * *", "20007 characters", "at most 256"),
]


@pytest.mark.parametrize(
    ("text", "problem", "remedy"), REFUSED, ids=[ascii(text)[:30] for text, *_ in REFUSED]
)
def test_a_refusal_names_the_field_what_is_wrong_and_what_is_right(
    text: str, problem: str, remedy: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        CronTrigger(text)

    (error,) = refusal.value.errors
    assert error.field == "cronExpression"
    assert problem in error.message
    assert remedy in error.message
    assert len(error.message) < 250
    assert error.message.isascii()


def test_a_refused_expression_stays_refused_when_asked_again() -> None:
    for _ in range(2):
        with pytest.raises(InvalidInput):
            parse_cron("0 0 30 2 *")


def test_an_expression_of_256_characters_is_still_read() -> None:
    longest = "0 0 * * *".ljust(256)

    assert parse_cron(longest) == parse_cron("0 0 * * *")
    with pytest.raises(InvalidInput, match="257 characters"):
        parse_cron(longest + " ")
