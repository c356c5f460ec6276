"""Extension types of addresses for pyarrow, and through it for pandas: values are shown and returned as addresses."""

from __future__ import annotations

import ipaddress
from typing import Any

import pyarrow as pa


def _ip(value: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.IPv6Address(value)
    return address.ipv4_mapped or address


def _mac(value: bytes) -> str:
    return value.hex(":")


class AddressScalar(pa.ExtensionScalar):  # type: ignore[misc]
    """An address: ``as_py()`` is an ``ipaddress`` object, of a MAC address a ``str``."""

    def as_py(self, **_: Any) -> Any:
        value = self.value
        return None if value is None else self.type.convert(value.as_py())


class AddressType(pa.ExtensionType):  # type: ignore[misc]
    """Addresses as bytes in network order, of columns of nfdecode."""

    def __init__(self, name: str, width: int) -> None:
        super().__init__(pa.binary(width), name)

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage: pa.DataType, serialized: bytes) -> AddressType:
        return cls()  # type: ignore[call-arg]

    def __arrow_ext_scalar_class__(self) -> type:
        return AddressScalar

    def __reduce__(self) -> Any:
        return type(self), ()

    def convert(self, value: bytes) -> Any:
        """The bytes of an address as an object."""
        raise NotImplementedError


class Ip(AddressType):
    """Either family; IPv4 as ``::ffff:a.b.c.d``."""

    def __init__(self) -> None:
        super().__init__("nfdecode.ip", 16)

    def convert(self, value: bytes) -> Any:
        return _ip(value)


class Ip4(AddressType):
    """IPv4."""

    def __init__(self) -> None:
        super().__init__("nfdecode.ipv4", 4)

    def convert(self, value: bytes) -> Any:
        return ipaddress.IPv4Address(value)


class Ip6(AddressType):
    """IPv6."""

    def __init__(self) -> None:
        super().__init__("nfdecode.ipv6", 16)

    def convert(self, value: bytes) -> Any:
        return ipaddress.IPv6Address(value)


class Mac(AddressType):
    """MAC addresses."""

    def __init__(self) -> None:
        super().__init__("nfdecode.mac", 6)

    def convert(self, value: bytes) -> Any:
        return _mac(value)


_registered = False


def register() -> None:
    """Makes the types known to pyarrow. ``Flows.to_arrow`` and ``to_pandas`` do it."""
    global _registered
    if _registered:
        return
    for kind in (Ip, Ip4, Ip6, Mac):
        try:
            pa.register_extension_type(kind())
        except pa.ArrowKeyError:
            # Another copy of this module has done it.
            pass
    _registered = True
