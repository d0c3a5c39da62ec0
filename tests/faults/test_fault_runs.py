"""A fleet under load in which everything fails once loses nothing and doubles nothing."""

from pathlib import Path

from faults.run import fault_run


def test_nothing_is_lost_or_doubled_whatever_fails(tmp_path: Path) -> None:
    outcome = fault_run(tmp_path, seed=7, seconds=120, rate=5)

    assert outcome.findings == [], outcome.report()
    # Else it would have shown nothing. Whether a fault cuts the life of an agent short is left to chance.
    assert len(outcome.history.faults) >= 15
    assert len(outcome.history.runs) > 300
