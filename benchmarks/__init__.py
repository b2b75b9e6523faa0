"""How quick the pages are over a full database: `make bench`."""
