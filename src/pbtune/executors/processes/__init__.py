"""Local workers: one warm process a slot.

executor.py     slots and commands; what the driver talks to
handle.py       one worker: its sockets, and what it does now
starting.py     how processes are made here: forked, or started one by one
launcher.py     what both ways promise
template.py     forked from a template
preload.py      what the template imports
direct.py       started one by one
system.py       what that takes, by the system
posix.py        process groups, inherited files, a guard
windows.py      job objects, duplicated sockets
"""
