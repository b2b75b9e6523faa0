"""A quarter of a clinic's life in minutes: invented people, the real doors and services, a moving clock, and a judge
who looks at what is left behind. See `manage.py simulate`.
"""
