"""One command each: ours and the peers in turn in one run, one table of ratios."""
