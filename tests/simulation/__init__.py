"""Simulated machines parts for tests: real implementations of the seams, deterministic by seed.

from simulation import SimulatedCrash, SimulatedFilesystem
"""

from simulation.simulated_filesystem import Fault, SimulatedCrash, SimulatedFilesystem

__all__ = ["Fault", "SimulatedCrash", "SimulatedFilesystem"]
