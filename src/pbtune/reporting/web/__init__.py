"""The page: a process of its own, which reads journals and answers GET.

population.py  who is who, and who descends from whom: the few records that say so
curves.py      a metric's curves, thinned out by SQL while they grow
watched.py     one run that people look at, kept up to date
plain.py       values and stories as JSON, sizes capped
answers.py     what each address answers
logs.py        the end of what a member printed
runs.py        which runs there are, under names that are no paths
guard.py       Host, method, token, headers: before anything else
server.py      the application, its sockets and its limits
static/        the page itself: plain JavaScript, uPlot, no build step
"""
