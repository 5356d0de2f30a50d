"""The same table as a good user of each tool would make it; a module each, with one function ``run(events, out)``."""
