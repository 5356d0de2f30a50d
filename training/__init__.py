"""From histories to a model that says whether and when, and to an honest measure of it."""
