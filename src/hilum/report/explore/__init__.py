"""A page, figures and tables of what is in a label table. See docs/explore.md."""
