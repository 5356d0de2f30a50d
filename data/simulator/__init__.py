"""A simulated mid-market firm whose leads' true chances are known exactly.

    market    the rules: states, chances, calendar, drift
    people    who becomes a lead, when, from where
    journey   one day of many leads, drawn from the rules
    truth     the chance to win, summed over the same rules
    story     the Segment messages of the leads
    crowd     visitors who stay anonymous, and bots
    messages  late, repeated and out-of-order delivery
    files     the truth file and the playbook
    run       all of it, day by day

Time and truth
--------------
Market day d runs from midnight to midnight UTC. On each of its days a lead acts, then firm and role may
become known, then at most one outcome happens, all of it between its own hour of creation plus two minutes
and 20:00; leads are created between 06:30 and 17:00. A landmark lies k whole days and one minute after
creation, hence after all that happened to the lead on earlier days and before anything happens on that day.
So "Deal Won within h days after as_of" is "won on one of the market days d .. d + h - 1", to the second, and
the day's state is all that the visible history says about it. The same truth holds for any other ``as_of``
of that lead between 20:00 of a day and its hour of creation on the next.

What is visible decides the state: an act that moves it is received within a minute, before the lead's day
ends. Only acts that move nothing (``Fair Visited``, ``Newsletter Subscribed``) arrive hours or days late, and
a repeated message is received after its first. A visit before the lead was known counts from the merge on,
which comes before ``Lead Created``. A bot is known by its user agent before it is a lead; its chance is 0.
Wins, losses and ``Unsubscribed`` end a journey; what a lead does afterwards means nothing.

The truth knows the calendar: a drift still to come counts in the probabilities of the days before it, and so do
August and the end of December, which no model can know that learned from less than a year. A steady market has
neither, so that there the truth is what a perfect model would say.
"""

from data.simulator.run import SimulationResult, simulate

__all__ = ["SimulationResult", "simulate"]
