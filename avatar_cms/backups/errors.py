from __future__ import annotations


class BackupError(Exception):
    """A backup could not be made or restored; the text says why and what to do."""
