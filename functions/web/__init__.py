"""What HTTP is made of: bodies, forms, errors, the document and its page; the triggers stay free of it."""
