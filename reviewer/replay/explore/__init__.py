"""Which interleavings there are: systematic, sampled, given; and shrinking."""
