"""The lessons: what was recorded for them, the figures that their prose quotes, and the prose itself. No torch here."""
