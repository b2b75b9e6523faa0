"""Writing rules without JSON: what the editor offers, what it was told, and the rule that makes.

`fields` and `cards` read the registries and say what can be chosen; `values` turns what is typed into JSON and back;
`draft` is what was told so far, complete or not, with `reading` and `acts`. All of these are pure.
"""
