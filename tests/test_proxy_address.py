"""Reading addresses of proxies, and hiding what is secret in them."""

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from lamplighter.errors import InvalidInput
from lamplighter.masking import Mask
from lamplighter.model import Proxy
from lamplighter.proxy_address import ProxyAddress, host_and_port, secrets_in, shown
from lamplighter.vault import Vault

printable = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=20).filter(
    str.isprintable
)


@pytest.mark.parametrize(
    ("written", "address", "username", "password"),
    [
        ("http://host:8080", "http://host:8080", None, None),
        ("  HTTPS://Host.Example:443/  ", "https://host.example:443", None, None),
        ("http://ada:pw@host:1", "http://host:1", "ada", "pw"),
        ("socks5://ada@host:1080", "socks5://host:1080", "ada", None),
        ("socks5h://a%40b:p%3Aw%2F@1.2.3.4:1080", "socks5h://1.2.3.4:1080", "a@b", "p:w/"),
        ("http://ada:p@ss/w?rd#@host:1", "http://host:1", "ada", "p@ss/w?rd#"),
        ("socks4://ada@[::0001]:9", "socks4://[::1]:9", "ada", None),
        ("http://ada:@host:1", "http://host:1", "ada", None),
    ],
)
def test_what_people_write_is_read(
    written: str, address: str, username: str | None, password: str | None
) -> None:
    assert ProxyAddress.read("proxies[0]", written) == ProxyAddress(address, username, password)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "begin with http://, https://, socks5://, socks5h://, socks4://"),
        ("host:8080", "begin with"),
        ("ftp://host:1", "begin with"),
        ("host:8080:SECRET:SECRET", "begin with"),
        ("http://SECRET@host", "has no port"),
        ("http://SECRET@[::1]", "has no port"),
        ("http://SECRET@host:", "scheme, host and port"),
        ("http://SECRET@:80", "scheme, host and port"),
        ("http://SECRET@host:80/path", "scheme, host and port"),
        ("http://SECRET@ho st:80", "scheme, host and port"),
        ("http://SECRET@höst:80", "scheme, host and port"),
        ("http://SECRET@host:0", "1 to 65535"),
        ("http://SECRET@host:65536", "1 to 65535"),
        ("http://SECRET@host:٨٠", "scheme, host and port"),
        ("http://SECRET@[1::2::3]:80", "IPv6"),
        (f"http://SECRET@{'h' * 254}:80", "253"),
        ("http://:SECRET@host:80", "password without a user name"),
        ("http://SECRET%0d%0a:x@host:80", "printable"),
        ("http://SECRET\ud800:x@host:80", "printable"),
        (f"http://SECRET{'x' * 250}@host:80", "255 bytes"),
        ("http://SECRET%3Aa:x@host:80", "colon"),
        ("socks4://ada:SECRET@host:80", "user name only"),
        (f"http://host:80?{'x' * 2000}", "begin with"),
    ],
)
def test_what_is_wrong_is_told_without_what_is_secret(written: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ProxyAddress.read("proxies[3]", written)
    [error] = refused.value.errors
    assert error.field == "proxies[3]"
    assert words in error.message
    assert "SECRET" not in str(refused.value)


def test_credentials_may_stand_beside_the_address_but_not_twice() -> None:
    assert ProxyAddress.read("p", "http://host:1", "ada", "p:w").url == "http://ada:p%3Aw@host:1"
    with pytest.raises(InvalidInput, match="credentials twice"):
        ProxyAddress.read("p", "http://ada:pw@host:1", "ada", "pw")


@given(printable.filter(lambda text: ":" not in text), printable)
def test_an_address_that_is_written_out_is_read_as_the_same(username: str, password: str) -> None:
    address = ProxyAddress("http://host:8080", username, password)
    assert ProxyAddress.read("p", address.url) == address


@given(printable, printable | st.none())
def test_credentials_are_sealed_and_opened_again(username: str, password: str | None) -> None:
    vault = Vault(Fernet.generate_key())
    address = ProxyAddress("socks5://host:1080", username, password)
    sealed = address.sealed_credentials(vault)
    assert sealed is not None
    assert ProxyAddress.opened(Proxy(1, 1, address.address, sealed), vault) == address


def test_nothing_secret_is_shown() -> None:
    address = ProxyAddress("http://host:8080", "user-7", "p@ss word")
    proxy = Proxy(1, 1, address.address, "sealed-credentials")
    assert shown(address.address, with_credentials=True) == "http://***@host:8080"
    assert not any(secret in repr(address) + repr(proxy) for secret in ("user-7", "p@ss", "sealed"))
    assert address.hide("no p@ss word, no p%40ss%20word for user-7") == "no ***, no *** for user-7"
    assert ProxyAddress("http://host:8080", "t0ken").hide("no t0ken") == "no ***"


def test_where_to_connect_to() -> None:
    assert host_and_port("socks5h://[::1]:1080") == ("::1", 1080)


@pytest.mark.parametrize(
    ("username", "password", "sent"),
    [
        ("user-7", "p@ss word", ["dXNlci03OnBAc3Mgd29yZA=="]),
        ("ada", "gehässig", ["YWRhOmdlaMOkc3NpZw==", "YWRhOmdlaORzc2ln"]),
        ("t0ken", None, ["dDBrZW46"]),
        ("ada", "日本", ["YWRhOuaXpeacrA=="]),
    ],
)
def test_what_http_clients_send_is_secret_too(username: str, password: str | None, sent: list[str]) -> None:
    vault = Vault(Fernet.generate_key())
    address = ProxyAddress("http://host:8080", username, password)
    found = secrets_in([Proxy(1, 1, address.address, address.sealed_credentials(vault))], vault)
    assert found == [password or username, *sent]
    for token in sent:
        assert address.hide(f"Proxy-Authorization: Basic {token}") == "Proxy-Authorization: Basic ***"
        printed = f"{{'Proxy-Authorization': 'Basic {token}'}} {token.replace('=', '%3D')}"
        assert Mask(found).text(printed) == "{'Proxy-Authorization': 'Basic ***'} ***"


def test_a_proxy_without_credentials_has_no_secrets() -> None:
    assert secrets_in([Proxy(1, 1, "http://host:1", None)], Vault(Fernet.generate_key())) == []
