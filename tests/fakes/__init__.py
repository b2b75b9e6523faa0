"""Providers on this machine: real HTTP servers that behave as the providers' documents say, faults included."""
