"""Real processes for the tests: brokers, clients of other languages, and what they need."""
