"""What a person reads: facts gathered once (`document`), then written as plain text, for a terminal, or as HTML."""
