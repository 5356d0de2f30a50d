"""Why a run decided as it did, for programs and in other languages: a code beside the English sentence."""

from typing import Literal, NamedTuple

Code = Literal[
    "calm", "too_few_landmarks",
    "nothing_arrives", "data_fault", "source_silent", "journey_silent",
    "too_few_conversions_to_judge", "too_few_conversions_since", "too_few_conversions", "not_learnable_yet",
    "quiet_period", "awaiting_persistence", "earlier_than_renewal",
    "fell_below_guard", "predecessor_serves",
    "training", "untrained", "not_better", "waits", "asks", "promoted",
]  # fmt: skip
"""A closed list: a program that knows them all is told of no other.

calm                         nothing was found that calls for a new model
too_few_landmarks            too few new leads were looked at to judge drift, or to act on it
nothing_arrives              no event of any kind comes any more
data_fault                   bots, late, repeated or unreadable events: to be repaired first
source_silent                a source brings no leads any more: to be repaired first
journey_silent               an event that the journey rests on fell silent
too_few_conversions_to_judge too few new leads have converted to judge a challenger on
too_few_conversions_since    too few have since the onset of what was seen
too_few_conversions          too few outcomes are new since the champion learned
not_learnable_yet            a challenger of today could not know of what was seen
quiet_period                 the model that serves was changed a short time ago
awaiting_persistence         it was not seen in enough runs in a row
earlier_than_renewal         a renewal is under way that began later than this moment
fell_below_guard             the model that was promoted last made room for its predecessor
predecessor_serves           the champion could not be loaded, or a way back was ended
training                     a challenger is trained
untrained                    it could not be trained
not_better                   it was not shown to be as good, or cannot serve: the champion stays
waits                        it scores in the shadow
asks                         it waits for a person
promoted                     it serves
"""


class Why(NamedTuple):
    """A reason as a code and as one sentence or a few."""

    code: Code
    sentence: str
