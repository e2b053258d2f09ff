"""What the tests of broker/bench share: a small broker that can lose, repeat and swap records."""
