"""Programs that the figures start as processes of their own: what a user would write."""
