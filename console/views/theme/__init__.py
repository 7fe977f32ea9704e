"""The look: tokens, theme, fonts, shapes, and the small controls that every page is made of."""
