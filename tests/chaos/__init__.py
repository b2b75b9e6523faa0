"""Real processes, killed while they work; what rows and journals say afterwards is the judgement."""
