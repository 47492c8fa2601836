"""Facts to knowledge: page states, demands, summaries, call paths. No text for people."""
