"""What the tests of raft share: nodes in lockstep, a simulated cluster with its invariants, transcripts, mutants."""
