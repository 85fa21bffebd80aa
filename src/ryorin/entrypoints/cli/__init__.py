"""The command line: people's output by default, one JSON document with --json."""
