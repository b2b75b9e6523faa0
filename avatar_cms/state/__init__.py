"""How the system is: one function for each figure, asked by /health/ready, the page Operations, /metrics and alerts.

`counts` is what waits, lies and is stuck; `machine` is whether the parts live; `hearing` is what came from outside;
`parked` is what waits for a button; `checks` says which of it is bad. Counts are taken from partial indexes and go no
further than `counts.MOST`, so that they stay quick on a full database.
"""
