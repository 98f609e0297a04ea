"""PDFs as pictures of their pages."""
