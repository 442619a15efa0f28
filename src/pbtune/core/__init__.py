"""What is decided: pure functions of plain data.

fold(state, record) -> state                    experiment.py
decide(settings, state, event) -> decisions     decide.py, schedulers/
plan(settings, state, running) -> commands      plan.py
"""
