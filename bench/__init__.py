"""Side-by-side benchmarks: psd and its peers in one run, on one machine (bench/README.md)."""
