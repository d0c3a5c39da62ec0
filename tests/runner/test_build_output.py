"""The output of a build: what of it is told, kept, and given as the reason."""

from pathlib import Path

from lamplighter.runner.build_output import FIRST_LINES, LAST_LINES, BuildOutput

NOT_FOUND = """\
Using Python 3.11.7 environment at: v
error: No solution found when resolving dependencies
  cause: Because only a==1 is available and you require a==2, we can conclude that your
  requirements are unsatisfiable.

hint: try another index
"""


def put(folder: Path, lines: list[str]) -> tuple[list[str], str, str]:
    """What is told, what is kept and the reason, for an output of these lines."""
    told: list[str] = []
    with BuildOutput(folder / "key.log", told.append) as output:
        for line in lines:
            output.add(line)
    return told, (folder / "key.log").read_text(), output.reason()


def test_a_long_output_is_told_without_its_middle_and_kept_whole(tmp_path: Path) -> None:
    count = FIRST_LINES + LAST_LINES + 7
    told, kept, _ = put(tmp_path, [str(number) for number in range(count)])
    assert told[FIRST_LINES] == "uv: … 7 lines are left out here; all are in key.log …"
    del told[FIRST_LINES]
    numbers = [*range(FIRST_LINES), *range(count - LAST_LINES, count)]
    assert told == [f"uv: {number}" for number in numbers]
    assert kept.splitlines() == [str(number) for number in range(count)]


def test_a_short_output_is_told_as_it_comes(tmp_path: Path) -> None:
    for count in (1, FIRST_LINES, FIRST_LINES + 1, FIRST_LINES + LAST_LINES):
        told, _, _ = put(tmp_path, [str(number) for number in range(count)])
        assert told == [f"uv: {number}" for number in range(count)]


def test_the_reason_is_the_error_without_its_hints(tmp_path: Path) -> None:
    _, _, reason = put(tmp_path, NOT_FOUND.splitlines())
    assert reason.startswith("No solution found when resolving dependencies: Because only a==1 is available")
    assert reason.endswith("requirements are unsatisfiable.")


def test_without_an_error_the_last_lines_are_the_reason(tmp_path: Path) -> None:
    assert put(tmp_path, ["one", "two", "three", "four"])[2] == "two: three: four"
    assert put(tmp_path, [])[2] == "uv failed and said nothing"


def test_passwords_are_hidden_everywhere(tmp_path: Path) -> None:
    told, kept, reason = put(tmp_path, ["error: https://keeper:oil@index.test/simple is away"])
    assert told == ["uv: error: https://…@index.test/simple is away"]
    assert "oil" not in kept + reason
