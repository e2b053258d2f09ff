"""What the tests of faults share: a client that sends any bytes, load that is accounted for, small disks."""
