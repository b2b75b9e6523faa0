"""What the database cannot hold, though JSON and forms let it through."""

from __future__ import annotations

from django.db import DataError

#: Raised for a NUL, a lone surrogate, a number out of range.
UNSTORABLE = (DataError, UnicodeEncodeError)
WORDS = "A value cannot be stored: it holds a character or number out of range."
