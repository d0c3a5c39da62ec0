"""The vault seals texts so that only its key opens them."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.errors import Conflict
from lamplighter.vault import CannotUnseal, Vault

VAULT = Vault(Fernet.generate_key())


@given(st.text(max_size=200))
def test_what_was_sealed_can_be_unsealed(text: str) -> None:
    assert VAULT.unseal(VAULT.seal(text)) == text


def test_a_sealed_text_tells_nothing_of_it_and_is_never_the_same() -> None:
    one, another = VAULT.seal("hunter2"), VAULT.seal("hunter2")
    assert one != another
    assert "hunter2" not in one


def test_another_key_opens_nothing() -> None:
    with pytest.raises(CannotUnseal, match=r"vault\.key"):
        Vault(Fernet.generate_key()).unseal(VAULT.seal("hunter2"))


def test_what_was_changed_cannot_be_unsealed() -> None:
    sealed = VAULT.seal("hunter2")
    with pytest.raises(CannotUnseal):
        VAULT.unseal(sealed[:-5] + ("A" if sealed[-5] != "A" else "B") + sealed[-4:])


def test_the_key_is_made_once_for_our_eyes_only(tmp_path: Path) -> None:
    (tmp_path / "vault.part").write_text("of a start that was cut off")
    sealed = Vault.in_folder(tmp_path).seal("hunter2")

    assert Vault.in_folder(tmp_path).unseal(sealed) == "hunter2"
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["vault.key"]


@pytest.mark.parametrize("content", ["", "nonsense", "A" * 100])
def test_a_damaged_key_is_told_with_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "vault.key").write_text(content)
    with pytest.raises(Conflict, match="put it back from a backup"):
        Vault.in_folder(tmp_path)


def test_a_file_with_several_keys_opens_what_any_of_them_sealed_and_seals_with_the_first(
    tmp_path: Path,
) -> None:
    old = Vault.in_folder(tmp_path).seal("hunter2")
    new_key, file = Fernet.generate_key(), tmp_path / "vault.key"
    file.write_bytes(new_key + b"\n" + file.read_bytes())

    both = Vault.in_folder(tmp_path)

    assert both.has_older_keys
    assert both.unseal(old) == "hunter2"
    assert Vault(new_key).unseal(both.seal("new")) == "new"
    resealed = both.resealed(old)
    assert Vault(new_key).unseal(resealed) == "hunter2"
    assert both.resealed(resealed) == resealed


def test_a_key_that_can_be_neither_read_nor_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="nowhere"):
        Vault.in_file(tmp_path / "nowhere" / "vault.key")
