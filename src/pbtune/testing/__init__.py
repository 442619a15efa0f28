"""What tests a run, and parts of one: a simulator, and contracts to subclass.

simulate.py     python -m pbtune.testing.simulate --seeds 0:1000
simulation.py   one seed: the production driver with everything around it simulated
options.py      what a seed expands to
power.py        what a loss of power could take
contracts/      what every journal, checkpoint store, executor and scheduler promises
"""
