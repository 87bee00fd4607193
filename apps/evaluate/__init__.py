"""Published benchmarks on their own files: `rapport eval TASK --file F`, with baselines and confidence intervals."""
