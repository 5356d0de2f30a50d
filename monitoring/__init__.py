"""Does the world still look as it did when the model learned? What changed, what it did to the scores, what to do."""
