"""`make run`: one command that starts, watches and stops everything."""
