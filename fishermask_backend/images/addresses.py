"""Which hosts images may be fetched from.

A task's URL is written by whoever may import tasks, and a server it names can redirect anywhere, so
neither may make the backend call the network it stands in: addresses that are not public are
refused unless they are Label Studio's own or a person listed them.
"""

import ipaddress
import queue
import re
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from fishermask_backend.errors import ImageUnavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


@dataclass(frozen=True)
class HostRule:
    """One entry of the list of allowed hosts.

    Attributes:
        pattern: A lower-case host name, `*.domain` for every name below a domain, or a network.
        port: The one port meant, or None for every port.
    """

    pattern: str | ipaddress.IPv4Network | ipaddress.IPv6Network
    port: int | None

    @classmethod
    def parse(cls, entry: str) -> "HostRule":
        """Read `host`, `host:port`, `*.domain`, `address`, `[v6]:port` or `network/bits`.

        Raises:
            ValueError: The entry is none of these; says what is expected.
        """
        text, port = entry.strip().lower(), None
        host, colon, digits = text.rpartition(":")
        if colon and digits.isdigit() and (":" not in host or host.endswith("]")):
            text, port = host, int(digits)
        text = text.removeprefix("[").removesuffix("]")
        try:
            return cls(ipaddress.ip_network(text, strict=False), port)
        except ValueError:
            name = text.removeprefix("*.").rstrip(".")
            if not re.fullmatch(r"[a-z0-9_.-]+", name):
                raise ValueError(
                    f"{entry!r} is not a host: write a name, name:port, *.domain, an address or "
                    "a network like 10.0.0.0/8, without http://"
                ) from None
            return cls(text.rstrip("."), port)

    def names(self, host: str, port: int) -> bool:
        """Whether this entry is about that host name (or literal address) and port."""
        if self.port not in (None, port):
            return False
        if not isinstance(self.pattern, str):
            address = _literal(host)
            return address is not None and address in self.pattern
        if self.pattern.startswith("*."):
            return host.endswith(self.pattern[1:])
        return host == self.pattern

    def covers(self, address: Address, port: int) -> bool:
        """Whether this entry is a network that holds that address."""
        return (
            self.port in (None, port)
            and not isinstance(self.pattern, str)
            and address in self.pattern
        )


class AddressGuard:
    """Decides which addresses a connection for an image may go to.

    Args:
        own: Label Studio's host name and port, always allowed.
        allowed: Entries as `HostRule.parse` reads them.

    Raises:
        ValueError: An entry of `allowed` is no host.
    """

    def __init__(self, own: tuple[str, int], allowed: Sequence[str]) -> None:
        self._own = own
        self._rules = [HostRule.parse(entry) for entry in allowed]

    def lists(self, host: str, port: int) -> bool:
        """Whether the host is Label Studio's own or stands in the list by its name."""
        host = host.rstrip(".")
        return (host, port) == self._own or any(rule.names(host, port) for rule in self._rules)

    def addresses(self, host: str, port: int, timeout: float) -> list[str]:
        """Resolve a host once and return the checked addresses to connect to.

        Connecting to these, and not to the name again, leaves a server of names no second answer
        between check and use. One private address among public ones refuses them all.

        Args:
            host: Name or literal address.
            port: Port that will be connected to.
            timeout: Seconds the look-up may take.

        Raises:
            ImageUnavailable: An address is not public, and neither it nor the name is allowed.
            OSError: The name cannot be resolved in time.
        """
        found = _resolve(host, port, timeout)
        if not self.lists(host, port):
            for text in found:
                address = ipaddress.ip_address(text)
                allowed = any(rule.covers(address, port) for rule in self._rules)
                if not allowed and not is_public(address):
                    raise ImageUnavailable(
                        f"{host}:{port} has the address {address}, which is not a public one; "
                        f"add {host}:{port} to ALLOWED_IMAGE_HOSTS if images may come from there"
                    )
        return found

    def check_name(self, host: str, port: int) -> None:
        """Refuse a host by its name alone, where a proxy will resolve it.

        Raises:
            ImageUnavailable: It is neither Label Studio's own nor listed.
        """
        if not self.lists(host, port):
            raise ImageUnavailable(
                f"{host}:{port} would be reached through the HTTP proxy, which resolves names "
                f"itself, so only listed hosts are fetched: add {host} (or *.domain) to "
                "ALLOWED_IMAGE_HOSTS"
            )


def is_public(address: Address) -> bool:
    """Whether an address is on the public internet, whatever IPv6 form wraps an IPv4 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    if address.ipv4_mapped:
        return is_public(address.ipv4_mapped)
    if address.sixtofour:
        return is_public(address.sixtofour)
    if address in _NAT64:
        return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_UNICAST and address.is_global


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _resolve(host: str, port: int, timeout: float) -> list[str]:
    """Addresses of a host. In a thread of its own, because `getaddrinfo` knows no time limit."""
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))
        except OSError as error:
            answers.put(error)
        except UnicodeError:  # a label that is empty or over 63 characters
            answers.put(OSError(f"{host} is not a valid host name"))

    threading.Thread(target=look_up, daemon=True, name="resolve").start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimeoutError(f"the name {host} was not resolved in time") from None
    if isinstance(answer, OSError):
        raise answer
    return answer
