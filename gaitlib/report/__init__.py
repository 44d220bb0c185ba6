"""Report: what pages show, in one clinical style: figures, tables, boxes, moving skeletons."""
