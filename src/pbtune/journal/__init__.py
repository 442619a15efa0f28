"""What is remembered: the records of a run, and every report.

base.py     the interface of the writer       sqlite.py   the run's database
schema.py   its tables and views              memory.py   the same in memory
reader.py   what readers open                 lock.py     one driver at a time
folded.py   what the records fold to, kept for the next driver
"""
