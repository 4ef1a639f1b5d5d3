"""Where it runs: run directories, files, hosts, signals, caches."""
