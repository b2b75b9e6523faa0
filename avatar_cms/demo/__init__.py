"""The demo clinics' history: invented people, what happens to each, and what plays it with a moving clock."""
