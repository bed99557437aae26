"""名册: the list, handing in, the page of one roster, what is done about it, its files."""
