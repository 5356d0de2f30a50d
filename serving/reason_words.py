"""Why monitoring decided as it did, in the reader's language: a sentence for a code."""

from collections.abc import Mapping

from serving.translations import deferred

BECAUSE: Mapping[str | None, str] = {
    "too_few_landmarks": deferred("Too few new leads have come to tell."),
    "nothing_arrives": deferred("No event arrives any more: it is not the model that needs repair."),
    "data_fault": deferred("The data are at fault: a new model would learn the fault. Repair their source first."),
    "source_silent": deferred(
        "A source brings no leads any more, and no model can make up for them. Repair the source."
    ),
    "journey_silent": deferred(
        "An event that says what becomes of leads does not come any more; without it there is nothing to learn."
    ),
    "too_few_conversions_to_judge": deferred("Too few new leads were won yet to compare a new model with the old one."),
    "too_few_conversions_since": deferred("Too few leads were won since it began to learn from them and to compare."),
    "too_few_conversions": deferred("Too few outcomes are new since the model learned."),
    "not_learnable_yet": deferred("What is new is so new that a new model could not have learned about it yet."),
    "quiet_period": deferred("The model was changed a short time ago; it is left alone for a while."),
    "awaiting_persistence": deferred("It has not been seen often enough in a row to be acted on."),
    "earlier_than_renewal": deferred("A new model is being made that knows later events."),
    "fell_below_guard": deferred("The model that was promoted last did worse than the one before it."),
    "predecessor_serves": deferred("The model that served could not be used any more."),
    "untrained": deferred("No new model could be trained."),
}
"""Of each reason that is not told by what was done (monitoring.reasons says them all)."""
