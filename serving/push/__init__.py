"""Scores, and what monitoring decides, go out by themselves: what changed, to whom it is told, and how it gets there.

changes    : a score that moved, with what moved it
shapes     : a change as the body of a message
alerts     : puts what monitoring decided into the outbox
watcher    : looks which scores moved, and puts messages into the outbox
addresses  : where a message may go
signing    : how a receiver can tell that it is ours
courier    : takes messages to their receivers
worker     : the two threads that do it in a running service
"""
