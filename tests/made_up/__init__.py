"""Projects that are made up at random: what holds for code of all kinds is tested with them."""
