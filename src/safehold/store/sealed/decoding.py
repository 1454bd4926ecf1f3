"""What a decoder says of bytes that are not what they should be: to be caught where bytes are decoded."""

from __future__ import annotations

import msgspec

# msgspec leaves text that is no UTF-8, and nesting deeper than the interpreter goes, to Python's own errors.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
