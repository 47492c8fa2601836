"""What a simulated CPU is to the explorer, and what an execution of several is."""
