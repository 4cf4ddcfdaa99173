"""Files other systems take in, written from the published marts only."""
