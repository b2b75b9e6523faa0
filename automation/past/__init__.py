"""The past as rules would have seen it: what a wording of a rule would have made of what happened.

`automation.facts` tells what is known now, this package what was known then, from the journal of facts
(`automation.models.FactChange`). Nothing here writes.
"""
