"""Virtual sensors: a gait becomes a walking person, a camera sees it, a detector errs."""
