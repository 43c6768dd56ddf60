"""The readers' own pages: signing up, leaving, preferences, and what goes by way of the mailbox."""
