"""PostgreSQL and Valkey as ordinary child processes on private unix sockets.

Used when no `DATABASE_URL` or `REDIS_URL` is given, and by the tests. Nothing here imports Django.
"""
