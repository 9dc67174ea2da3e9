"""Speed beside peers: `python -m benchmarks.NAME` measures both in one run and writes results/NAME.json."""
