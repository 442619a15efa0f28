"""Who connects journal, core and executors? The only loop."""
