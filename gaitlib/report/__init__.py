"""Report: figures in the clinical style, the pages of the book, and the checked runner of notebooks."""
