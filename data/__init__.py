"""Events come in: contracts, parsing and quarantine, sources, identity, store, simulator."""
