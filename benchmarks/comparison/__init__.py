"""Which method of population based training is worth its trouble, and where."""
