"""Exceptions and warnings. Made by the compiled part, by name."""

from __future__ import annotations


class NfdecodeError(Exception):
    """Base of the errors of this package about files and conversions."""


class _PlaceError(NfdecodeError):
    """An error at a place of a file.

    Attributes:
        kind: the kind of error, such as ``"Truncated"`` or ``"Checksum"``.
        file: the path; ``None`` for bytes.
        block: number of the block from 0, if it is known.
        record: number of the record in its block from 0, if it is known.
        offset: bytes from the start of the file; with ``record`` from the start of the decoded block.
    """

    kind: str
    file: str | None
    block: int | None
    record: int | None
    offset: int | None

    def __init__(
        self,
        message: str,
        *,
        kind: str = "",
        file: str | None = None,
        block: int | None = None,
        record: int | None = None,
        offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.file = file
        self.block = block
        self.record = record
        self.offset = offset


class DamageError(_PlaceError):
    """A file is damaged, unfinished, truncated, or no nfcapd file.

    What is intact can be read with ``errors="warn"`` or ``errors="skip"``; ``salvage=True`` recovers what is
    readable in unfinished and truncated files.
    """


class UnsupportedError(_PlaceError):
    """The file may be fine, but is of a kind that is not read, or is encrypted and the right key is missing."""


class ConvertError(NfdecodeError):
    """A capture could not be converted. The message says what to do.

    Attributes:
        kind: the kind of error, such as ``"Failed"``.
    """

    kind: str

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class NfpcapdNotFoundError(ConvertError):
    """The program nfpcapd is missing or does not work: install the package nfdump, or pass ``nfpcapd=``."""


class CaptureError(ConvertError):
    """The capture is no capture, or cannot be read."""


class DiskFullError(ConvertError):
    """There is no room for temporary files: set ``TMPDIR`` to another directory."""


class ConvertTimeoutError(ConvertError, TimeoutError):
    """nfpcapd ran longer than ``timeout``, or made no progress for a minute."""


class IncompleteError(ConvertError):
    """A capture was converted in part: it is truncated or damaged.

    Attributes:
        result: what was converted, as ``convert(..., errors="warn")`` would return it.
        losses: what is missing, one line each.
    """

    result: object
    losses: list[str]

    def __init__(self, message: str, result: object, losses: list[str]) -> None:
        super().__init__(message, "Incomplete")
        self.result = result
        self.losses = losses


class FilterError(ValueError):
    """A text is not a filter. ``str()`` shows the place.

    Attributes:
        message: what is wrong, in one line.
        span: start and end of the offending characters in ``text``.
        suggestion: what may have been meant.
        text: the text of the filter.
    """

    message: str
    span: tuple[int, int] | None
    suggestion: str | None
    text: str

    def __init__(
        self,
        shown: str,
        message: str = "",
        span: tuple[int, int] | None = None,
        suggestion: str | None = None,
        text: str = "",
    ) -> None:
        super().__init__(shown)
        self.message = message or shown
        self.span = span
        self.suggestion = suggestion
        self.text = text


class DamageWarning(UserWarning):
    """Damage of a file that is read with ``errors="warn"``."""


class ConvertWarning(UserWarning):
    """A loss of a conversion with ``errors="warn"``, or a note."""
