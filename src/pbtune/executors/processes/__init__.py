"""Local workers: one warm process a slot, forked from a preloaded template.

executor.py     slots and commands; what the driver talks to
handle.py       one worker: its sockets, and what it does now
launcher.py     the template process, and what it preloads
"""
