"""Measures the program against grep, ripgrep, grepcidr and wc; `python -m tests.bench`, or `make bench`."""
