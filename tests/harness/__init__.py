"""Real servers for the tests: one cluster and one broker shared by every run, a database and broker database each."""
