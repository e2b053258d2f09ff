"""Consensus as a state machine: no I/O, no clock, no chance of its own."""
