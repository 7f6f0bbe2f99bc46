"""Measures the program against grep, ripgrep, grepcidr, wc and others. Run it with `make bench` or
`python -m tests.bench`.
"""
