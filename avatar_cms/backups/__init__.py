"""Backups of the database: made of one snapshot, sealed with a key of their own, restored in safe mode."""
