"""What the tests of broker/log share: a node of journal and logs on a disk that crashes, a model of its promises."""

from log_harness.batches import batch, keyed_batch, records_of
from log_harness.scenario import LogScenario, run_late_opening_seed, run_log_seed

__all__ = ["LogScenario", "batch", "keyed_batch", "records_of", "run_late_opening_seed", "run_log_seed"]
