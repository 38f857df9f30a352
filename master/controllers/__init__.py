"""One file a controller: a pure plan(desired, observed) -> actions, and one shared loop that applies them."""
