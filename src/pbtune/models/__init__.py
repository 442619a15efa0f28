"""Models that propose configs: the only folder that needs arrays. Imported when one is used."""
