"""The command line: `millstream serve` and the tools around it, on a blocking client of their own."""
