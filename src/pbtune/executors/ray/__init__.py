"""Workers on a Ray cluster: one Ray Core actor a slot, under the same driver as locally.

executor.py     slots and commands; what the driver talks to
handle.py       one actor, from the driver's side
actor.py        one actor, from its own side: the worker's code, and its mailbox
weights.py      checkpoints between machines that share no folder
cluster.py      connecting, and how many slots the nodes make
library.py      Ray itself, imported when it is asked for

Ray gives places, processes and news of their deaths. It retries and restarts nothing: that is the
driver's, which journals each attempt first.
"""
