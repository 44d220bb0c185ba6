"""Running a study: which page with which parameters, its execution, its results, the binding of the book."""
